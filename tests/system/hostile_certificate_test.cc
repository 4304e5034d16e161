// SPDX-License-Identifier: Apache-2.0
// Who may talk to a daemon under mutual TLS (spec 09 §4; peer.proto, model): certificates of the right authority, in time,
// with a name that the configuration knows; and Hello's node is the certificate's. Whoever fails hurts nobody: two honest
// hosts stay connected.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/support/certificates.h"
#include "tests/support/control_json.h"
#include "tests/support/raw_peer.h"

namespace netmsg::test {
namespace {

std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

bool shell(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) ==
         0;  // NOLINT(concurrency-mt-unsafe): one thread
}

// Of the authority that counts, and of another one.
class Authorities {
 public:
  Authorities() { expire("evil", "late"); }

  const Certificates& ours() const { return ours_; }
  const Certificates& theirs() const { return theirs_; }
  RawPeer::Tls tls(const std::string& name) const { return tls(name, ours_); }
  RawPeer::Tls tls(const std::string& name, const Certificates& authority) const {
    return {read(authority.path(name + ".crt")), read(authority.path(name + ".key")),
            read(ours_.path("ca.crt")), "a"};
  }
  // The node in the certificate, 16 bytes.
  std::string node(const std::string& name) const {
    const std::string out = ours_.path("names.txt");
    EXPECT_TRUE(shell("openssl x509 -noout -ext subjectAltName -in '" + ours_.path(name + ".crt") +
                      "' -out '" + out + "'"));
    const std::string names = read(out);
    const std::string uri = "netmsg:node:";
    return bytes_of_hex(names.substr(names.find(uri) + uri.size(), 32));
  }

 private:
  // The same names and key in a certificate whose time is over.
  void expire(const std::string& of, const std::string& as) {
    const std::string at = ours_.path("");
    const bool made =
        shell("cd '" + at + "' && cp " + of + ".key " + as + ".key && " + "openssl x509 -in " + of +
              ".crt -x509toreq -copy_extensions copyall -signkey " + of + ".key -out " + as +
              ".req && openssl x509 -req -in " + as +
              ".req -CA ca.crt -CAkey ca.key -days 0 -copy_extensions copyall -out " + as + ".crt");
    if (!made) throw std::runtime_error("no expired certificate");
  }

  const std::vector<std::string> names_ = {"a", "b", "evil", "mallory"};
  Certificates ours_{names_};
  Certificates theirs_{names_};
};

struct Hosts {
  Authorities certificates;
  std::uint16_t port_a = free_port();
  std::uint16_t port_b = free_port();
  Host a{"a", port_a, {}, with_peers("a", {"b=127.0.0.1:" + std::to_string(port_b), "evil"})};
  Host b{"b", port_b, {}, with_peers("b", {"a=127.0.0.1:" + std::to_string(port_a)})};

  std::vector<std::string> with_peers(const std::string& name, const std::vector<std::string>& peers) const {
    std::vector<std::string> options = certificates.ours().options(name);
    for (const std::string& peer : peers) options.push_back("--peer=" + peer);
    return options;
  }
  Hosts() {
    if (!a.connected_to("b") || !b.connected_to("a"))
      throw std::runtime_error("no session between the hosts");
  }
};

Hosts& hosts() {
  static Hosts two;
  return two;
}

class HostileCertificate : public testing::Test {
 protected:
  void SetUp() override { age_ = peer_row(hosts().a, "b").age_ms(); }
  // The honest session is the one that was there.
  void TearDown() override {
    EXPECT_EQ(peer_row(hosts().a, "b").state(), "open");
    EXPECT_GE(peer_row(hosts().a, "b").age_ms(), age_);
    EXPECT_EQ(balanced({&hosts().a, &hosts().b}), "");
  }
  static const Authorities& certificates() { return hosts().certificates; }
  static void expect_no_stream(const RawPeer::Tls& tls) {
    RawPeer peer(hosts().port_a, tls);
    EXPECT_FALSE(peer.open());
    EXPECT_TRUE(peer.ended());
    EXPECT_FALSE(peer.heard().has_fence()) << "not even a word";
  }

 private:
  std::uint64_t age_ = 0;
};

TEST_F(HostileCertificate, OfAnAllowedPeerWithItsOwnNodeOpensASession) {
  RawPeer peer(hosts().port_a, certificates().tls("evil"));
  EXPECT_TRUE(peer.open(peer.hello({.name = "whatever", .node = certificates().node("evil")})))
      << "the name that counts is the certificate's";
  peer.leave();
}

TEST_F(HostileCertificate, DoesNotCoverAnotherNode) {
  RawPeer peer(hosts().port_a, certificates().tls("evil"));
  EXPECT_FALSE(peer.open(peer.hello({.name = "evil", .node = certificates().node("b")})));
  ASSERT_TRUE(peer.fenced());
  EXPECT_EQ(peer.fenced()->code(), v1::Fence::REFUSED);
}

TEST_F(HostileCertificate, WithANameThatNobodyHasAllowedIsRefused) {
  RawPeer peer(hosts().port_a, certificates().tls("mallory"));
  EXPECT_FALSE(peer.open(peer.hello({.name = "evil", .node = certificates().node("mallory")})));
  ASSERT_TRUE(peer.fenced());
  EXPECT_EQ(peer.fenced()->code(), v1::Fence::REFUSED);
}

TEST_F(HostileCertificate, OfAnotherAuthorityGetsNoStream) {
  expect_no_stream(certificates().tls("evil", certificates().theirs()));
}

TEST_F(HostileCertificate, WhoseTimeIsOverGetsNoStream) {
  expect_no_stream(certificates().tls("late"));
}

TEST_F(HostileCertificate, ThatIsNotThereGetsNoStream) {
  expect_no_stream({"", "", read(certificates().ours().path("ca.crt")), "a"});
}

TEST_F(HostileCertificate, PlaintextGetsNoStream) {
  RawPeer peer(hosts().port_a);
  EXPECT_FALSE(peer.open());
  EXPECT_TRUE(peer.ended());
}

}  // namespace
}  // namespace netmsg::test
