// SPDX-License-Identifier: Apache-2.0
// Two gRPC transports on the loopback address, each with
// one owner thread, this one, and one poller.
#include "proxy/grpc_transport.h"

#include <grpc/grpc.h>
#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "proxy/grpc_poller.h"
#include "proxy/wire.h"
#include "tests/support/certificates.h"

namespace netmsg::proxy {
namespace {

using std::chrono::seconds;

// With NETMSG_TEST_GRPC_FIRST gRPC has begun before the poller looks for its epoll set: so the set is not found, and helpers
// wait for everything (grpc_poller.h). A run of its own, as a process finds the set once or never.
const bool kGrpcFirst = [] {
  const bool first = std::getenv("NETMSG_TEST_GRPC_FIRST") != nullptr;
  if (first) grpc_init();
  return first;
}();

// One daemon's end: what happened, in words.
class End final : public TransportEvents {
 public:
  End(asio::io_context& owner, GrpcPoller& poller, GrpcOptions options)
      : transport(owner, poller, std::move(options)) {
    error = transport.start(*this);
  }
  ~End() override { transport.stop(); }

  void connected(StreamId at, const PeerIdentity& who) override {
    stream = at;
    identity = who;
    ++connects;
  }
  void accepted(StreamId at, const PeerIdentity& who) override {
    stream = at;
    identity = who;
    ++accepts;
  }
  void received(StreamId, const Rope& message) override {
    std::string room;
    bytes += message.flat(room);
    ++messages;
  }
  void closed(StreamId, const std::string& why) override {
    reason = why;
    ++closes;
  }

  GrpcTransport transport;
  std::string error;
  StreamId stream = 0;
  PeerIdentity identity;
  std::string bytes;
  std::string reason;
  int connects = 0;
  int accepts = 0;
  int messages = 0;
  int closes = 0;
};

class GrpcTransportTest : public testing::Test {
 protected:
  static GrpcOptions plain(const std::string& listen = "") {
    GrpcOptions options;
    options.listen = listen;
    options.insecure = true;
    return options;
  }
  // Runs what comes in until `done`, for ten seconds at most.
  bool until(const std::function<bool()>& done) {
    const auto give_up = std::chrono::steady_clock::now() + seconds(10);
    while (!done() && std::chrono::steady_clock::now() < give_up) {
      owner.restart();
      go_on();
    }
    return done();
  }
  virtual void go_on() { owner.run_for(std::chrono::milliseconds(10)); }
  std::string address_of(const End& end) const { return "127.0.0.1:" + std::to_string(end.transport.port()); }
  void link(End& from, End& to, const std::string& name = "server") {
    from.transport.dial(name, address_of(to));
    ASSERT_TRUE(until([&] { return (from.connects == 1 && to.accepts == 1) || from.closes == 1; }));
    ASSERT_EQ(from.connects, 1) << from.reason;
  }

  asio::io_context owner;
  GrpcPoller poller{owner};
};

TEST_F(GrpcTransportTest, BytesArriveInOrderInBothDirections) {
  End server(owner, poller, plain("127.0.0.1:0"));
  ASSERT_EQ(server.error, "");
  End client(owner, poller, plain());
  link(client, server);
  EXPECT_FALSE(client.identity.verified);
  std::string sent;
  for (int i = 0; i < 1000; ++i) {
    const std::string word = std::to_string(i) + " ";
    client.transport.send(client.stream, word);
    server.transport.send(server.stream, word);
    sent += word;
  }
  EXPECT_TRUE(
      until([&] { return server.bytes.size() >= sent.size() && client.bytes.size() >= sent.size(); }));
  EXPECT_EQ(server.bytes, sent);
  EXPECT_EQ(client.bytes, sent);
  EXPECT_LT(server.messages, 1000) << "what waits is joined";
}

TEST_F(GrpcTransportTest, LargeMessagesAreWhole) {
  End server(owner, poller, plain("127.0.0.1:0"));
  End client(owner, poller, plain());
  link(client, server);
  std::string large(6U << 20, '\0');
  for (std::size_t at = 0; at < large.size(); ++at) large[at] = static_cast<char>(at * 7 % 251);
  client.transport.send(client.stream, large);
  EXPECT_TRUE(until([&] { return server.bytes.size() >= large.size(); }));
  EXPECT_TRUE(server.bytes == large);
  EXPECT_EQ(server.messages, 1);
}

// gRPC finishes such writes in a thread of its own, which wakes nobody (grpc_poller.h).
TEST_F(GrpcTransportTest, WhatTheSocketDoesNotTakeAtOnceArrives) {
  End server(owner, poller, plain("127.0.0.1:0"));
  End client(owner, poller, plain());
  link(client, server);
  constexpr std::size_t kMessages = 64;
  const std::string large(1U << 20, 'x');
  for (std::size_t i = 0; i < kMessages; ++i) client.transport.send(client.stream, large);
  EXPECT_TRUE(until([&] { return server.bytes.size() >= kMessages * large.size(); }));
  EXPECT_EQ(server.bytes.size(), kMessages * large.size());
  server.transport.send(server.stream, "answer");
  EXPECT_TRUE(until([&] { return client.bytes == "answer"; }));
}

TEST_F(GrpcTransportTest, AnIdleStreamGivesTheOwnerNothingToDo) {
  End server(owner, poller, plain("127.0.0.1:0"));
  End client(owner, poller, plain());
  link(client, server);
  client.transport.send(client.stream, "word");
  EXPECT_TRUE(until([&] { return server.bytes == "word"; }));
  EXPECT_TRUE(until([&] {
    owner.restart();
    return owner.run_for(std::chrono::milliseconds(200)) == 0;
  }));
}

TEST_F(GrpcTransportTest, AMessageAboveTheLimitEndsItsStream) {
  End server(owner, poller, plain("127.0.0.1:0"));
  End client(owner, poller, plain());
  link(client, server);
  client.transport.send(client.stream, std::string(kJoinedBytesMax + 1, 'x'));
  EXPECT_TRUE(until([&] { return server.closes == 1 && client.closes == 1; }));
  EXPECT_EQ(server.messages, 0);
}

TEST_F(GrpcTransportTest, LastWordsArriveBeforeTheEnd) {
  for (const bool client_leaves : {true, false}) {
    End server(owner, poller, plain("127.0.0.1:0"));
    End client(owner, poller, plain());
    link(client, server);
    End& leaver = client_leaves ? client : server;
    End& other = client_leaves ? server : client;
    leaver.transport.send(leaver.stream, "last words");
    leaver.transport.close(leaver.stream);
    EXPECT_TRUE(until([&] { return other.closes == 1; })) << client_leaves;
    EXPECT_EQ(other.bytes, "last words");
    EXPECT_EQ(leaver.closes, 0) << "no event after close()";
  }
}

TEST_F(GrpcTransportTest, NobodyThereIsAClosedStream) {
  std::string address;
  {
    End gone(owner, poller, plain("127.0.0.1:0"));
    address = address_of(gone);
  }
  End client(owner, poller, plain());
  client.transport.dial("server", address);
  EXPECT_TRUE(until([&] { return client.closes == 1; }));
  EXPECT_NE(client.reason, "");
  EXPECT_EQ(client.connects, 0);
}

TEST_F(GrpcTransportTest, StoppingEndsTheOthersStream) {
  End client(owner, poller, plain());
  auto server = std::make_unique<End>(owner, poller, plain("127.0.0.1:0"));
  link(client, *server);
  const auto begin = std::chrono::steady_clock::now();
  server.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(4));
  EXPECT_TRUE(until([&] { return client.closes == 1; }));
}

TEST_F(GrpcTransportTest, StoppingIsBoundedWhileStreamsAreBeingMade) {
  End server(owner, poller, plain("127.0.0.1:0"));
  for (int round = 0; round < 20; ++round) {
    End client(owner, poller, plain());
    for (int stream = 0; stream < 3; ++stream) client.transport.dial("server", address_of(server));
    if (round % 2 == 0) owner.run_for(std::chrono::milliseconds(round));
    owner.restart();
  }
  EXPECT_TRUE(until([&] { return true; }));
}

TEST_F(GrpcTransportTest, AnAddressThatIsTakenIsAnError) {
  End server(owner, poller, plain("127.0.0.1:0"));
  End second(owner, poller, plain(address_of(server)));
  EXPECT_NE(second.error.find("cannot listen on 127.0.0.1:"), std::string::npos);
}

// Somebody who is awake for a while asks, as the daemon's rounds do.
class GrpcRounds : public GrpcTransportTest, public testing::WithParamInterface<int> {
 public:
  GrpcRounds() {
    poller.ask_in_rounds([this] { awake_ = true; });
  }
  ~GrpcRounds() override { poller.ask_in_rounds(nullptr); }
  GrpcRounds(const GrpcRounds&) = delete;
  GrpcRounds& operator=(const GrpcRounds&) = delete;

 protected:
  void go_on() override {
    if (!awake_) {
      owner.run_one_for(std::chrono::milliseconds(10));
      return;
    }
    owner.poll();
    vain_ = poller.look() ? 0 : vain_ + 1;
    if (vain_ < GetParam()) return;
    awake_ = false;
    poller.park();
  }
  // Each message is answered, so what comes next is waited for with the next answer.
  void call(End& client, End& server, int calls = 3) {
    for (int i = 0; i < calls; ++i) {
      const int requests = server.messages;
      client.transport.send(client.stream, "?");
      ASSERT_TRUE(until([&] { return server.messages > requests; }));
      const int answers = client.messages;
      server.transport.send(server.stream, "!");
      ASSERT_TRUE(until([&] { return client.messages > answers; }));
    }
  }

 private:
  bool awake_ = false;
  int vain_ = 0;  // looks one after the other
};

TEST_P(GrpcRounds, RequestsAndAnswersComeAndGo) {
  End server(owner, poller, plain("127.0.0.1:0"));
  End client(owner, poller, plain());
  link(client, server);
  call(client, server, 30);
  EXPECT_EQ(server.bytes, std::string(30, '?'));
  EXPECT_EQ(client.bytes, std::string(30, '!'));
}

TEST_P(GrpcRounds, WhatNobodyAnswersArrivesToo) {
  End server(owner, poller, plain("127.0.0.1:0"));
  End client(owner, poller, plain());
  link(client, server);
  call(client, server);
  const std::string large(6U << 20, 'x');
  for (std::size_t round = 1; round <= 3; ++round) {
    for (const auto& [from, to] : {std::pair(&client, &server), std::pair(&server, &client)}) {
      from->transport.send(from->stream, "word");
      from->transport.send(from->stream, large);
      ASSERT_TRUE(until([&, to = to] { return to->bytes.size() == 3 + round * (4 + large.size()); }));
    }
  }
}

TEST_P(GrpcRounds, SeveralAtOnceAreHeard) {
  constexpr int kClients = 4;
  End server(owner, poller, plain("127.0.0.1:0"));
  std::vector<std::unique_ptr<End>> clients;
  for (int i = 1; i <= kClients; ++i) {
    clients.push_back(std::make_unique<End>(owner, poller, plain()));
    clients.back()->transport.dial("server", address_of(server));
    ASSERT_TRUE(until([&] { return clients.back()->connects == 1 && server.accepts == i; }));
    call(*clients.back(), server);
  }
  server.bytes.clear();
  for (std::size_t round = 1; round <= 30; ++round) {
    for (const auto& client : clients) client->transport.send(client->stream, "x");
    ASSERT_TRUE(until([&] { return server.bytes.size() == kClients * round; }));
  }
}

TEST_P(GrpcRounds, TheEndOfAStreamIsHeardOf) {
  for (const bool answered : {false, true}) {
    auto server = std::make_unique<End>(owner, poller, plain("127.0.0.1:0"));
    End client(owner, poller, plain());
    link(client, *server);
    call(client, *server);
    server->transport.send(server->stream, "word");
    ASSERT_TRUE(until([&] { return client.bytes == "!!!word"; }));
    if (answered) client.transport.send(client.stream, "answer");
    ASSERT_TRUE(until([&] { return !answered || server->bytes == "???answer"; }));
    server.reset();
    EXPECT_TRUE(until([&] { return client.closes == 1; }));
  }
}

TEST_P(GrpcRounds, StreamsEndInTheMiddleOfACall) {
  End server(owner, poller, plain("127.0.0.1:0"));
  for (int round = 1; round <= 10; ++round) {
    End client(owner, poller, plain());
    link(client, server);
    server.accepts = 0;
    call(client, server);
    client.transport.send(client.stream, "?");
    if (round % 2 == 0) until([&, before = server.messages] { return server.messages > before; });
    client.transport.close(client.stream);
    EXPECT_TRUE(until([&] { return server.closes == round; }));
  }
}

// How many looks in vain end the rounds: each; more than after which looks begin what was put off; none.
INSTANTIATE_TEST_SUITE_P(Awake, GrpcRounds, testing::Values(1, 12, std::numeric_limits<int>::max()));

// Certificates made by the helper that operators use.
class GrpcTls : public GrpcTransportTest {
 protected:
  static void SetUpTestSuite() {
    ours = std::make_unique<test::Certificates>(kNames);
    theirs = std::make_unique<test::Certificates>(kNames);
  }
  static void TearDownTestSuite() {
    ours.reset();
    theirs.reset();
  }

  static std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  static GrpcOptions tls(const std::string& name, const std::string& listen = "",
                         const std::unique_ptr<test::Certificates>& from = ours) {
    GrpcOptions options;
    options.listen = listen;
    options.certificate_pem = read(from->path(name + ".crt"));
    options.key_pem = read(from->path(name + ".key"));
    options.ca_pem = read(ours->path("ca.crt"));
    return options;
  }
  void expect_refused(End& client, End& server, const std::string& name) {
    client.transport.dial(name, address_of(server));
    EXPECT_TRUE(until([&] { return client.closes == 1; }));
    EXPECT_EQ(client.connects, 0);
    EXPECT_EQ(server.accepts, 0);
  }

  static inline const std::vector<std::string> kNames = {"server=alias", "client"};
  static inline std::unique_ptr<test::Certificates> ours;
  static inline std::unique_ptr<test::Certificates> theirs;  // of another authority
};

TEST_F(GrpcTls, BothEndsKnowWhoIsThere) {
  End server(owner, poller, tls("server", "127.0.0.1:0"));
  ASSERT_EQ(server.error, "");
  End client(owner, poller, tls("client"));
  link(client, server);
  EXPECT_TRUE(client.identity.verified);
  EXPECT_TRUE(server.identity.verified);
  EXPECT_TRUE(client.identity.node.has_value());
  EXPECT_TRUE(server.identity.node.has_value());
  EXPECT_NE(client.identity.node, server.identity.node);
  EXPECT_EQ(client.identity.names, (std::vector<std::string>{"server", "alias"}));
  EXPECT_EQ(server.identity.names, std::vector<std::string>{"client"});
  client.transport.send(client.stream, "secret");
  EXPECT_TRUE(until([&] { return server.bytes == "secret"; }));
}

TEST_F(GrpcTls, TheNameThatWasDialedMustBeTheCertificates) {
  End server(owner, poller, tls("server", "127.0.0.1:0"));
  End client(owner, poller, tls("client"));
  expect_refused(client, server, "another");
}

TEST_F(GrpcTls, AClientOfAnotherAuthorityIsNotLetIn) {
  End server(owner, poller, tls("server", "127.0.0.1:0"));
  End client(owner, poller, tls("client", "", theirs));
  expect_refused(client, server, "server");
}

TEST_F(GrpcTls, PlaintextIsNotLetIn) {
  End server(owner, poller, tls("server", "127.0.0.1:0"));
  End client(owner, poller, plain());
  expect_refused(client, server, "server");
}

TEST_F(GrpcTls, AKeyThatDoesNotFitIsAnErrorAtTheStart) {
  GrpcOptions options = tls("server", "127.0.0.1:0");
  options.key_pem = tls("client").key_pem;
  EXPECT_NE(End(owner, poller, options).error, "");
}

}  // namespace
}  // namespace netmsg::proxy
