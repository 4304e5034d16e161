// SPDX-License-Identifier: Apache-2.0
// What each setting accepts and what it answers otherwise; the file and the command line together; defaults.
#include "daemon/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "tests/support/temporary_folder.h"

namespace netmsg::daemon {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A place with its own environment and files; --socket, --state and --node are always said, so that a test
// says only what it is about.
class ConfigTest : public testing::Test {
 protected:
  ConfigTest() {
    for (const char* name : {"cert", "key", "ca"}) write(name, "pem");
  }

  std::string file(const std::string& name) const { return folder_.path() + "/" + name; }
  void write(const std::string& name, const std::string& text) { std::ofstream(file(name)) << text; }

  ConfigOutcome read_bare(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "netmsgd");
    std::vector<const char*> argv;
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    return read_config(static_cast<int>(argv.size()), argv.data(), surroundings());
  }
  ConfigOutcome read(std::vector<std::string> arguments) {
    for (const char* said : {"--socket=/s/socket", "--state=/s/state", "--node=here"})
      arguments.emplace_back(said);
    return read_bare(std::move(arguments));
  }
  ConfigOutcome read_toml(const std::string& text, std::vector<std::string> arguments = {}) {
    write("netmsgd.toml", text);
    arguments.push_back("--config=" + file("netmsgd.toml"));
    return read(std::move(arguments));
  }

  std::vector<std::string> tls() const {
    return {"--tls-cert=" + file("cert"), "--tls-key=" + file("key"), "--tls-ca=" + file("ca")};
  }

  Surroundings surroundings() {
    return {host_name_, [this](const char* name) { return environment_[name]; },
            [this](const std::string& directory) { return writable_ == directory; }};
  }

  test::TemporaryFolder folder_;
  std::string host_name_ = "host-1";
  std::string writable_;
  std::map<std::string, std::string> environment_;
};

void expect_error(const ConfigOutcome& outcome, const std::string& start) {
  EXPECT_FALSE(outcome.config.has_value());
  EXPECT_EQ(outcome.exit_status, 2);
  EXPECT_THAT(outcome.text, StartsWith("netmsgd: " + start));
  EXPECT_EQ(outcome.text.back(), '\n');
}

TEST_F(ConfigTest, EveryWrongValueNamesItsOption) {
  const char* const kWrong[][2] = {
      {"--listen=nonsense", "--listen: 'nonsense' is no ADDR:PORT"},
      {"--listen=::1:7000", "--listen: '::1:7000' is no ADDR:PORT"},
      {"--listen=[10.0.0.1]:7000", "--listen: '[10.0.0.1]:7000' is no ADDR:PORT"},
      {"--listen=:7000", "--listen: ':7000' is no ADDR:PORT"},
      {"--listen=a:65536", "--listen: port '65536' is no number from 0 to 65535"},
      {"--listen=a:-1", "--listen: port '-1'"},
      {"--listen=a:7x", "--listen: port '7x'"},
      {"--listen=a b:7", "--listen: 'a b:7'"},
      {"--peer=b=10.0.0.1:0", "--peer: port '0' is no number from 1 to 65535"},
      {"--peer==10.0.0.1:1", "--peer: ''"},
      {"--peer=0x7f000001=10.0.0.1:1", "--peer: '0x7f000001'"},
      {"--peer=b=10.0.0.1", "--peer: '10.0.0.1' is no ADDR:PORT"},
      {"--log-level=loud", "--log-level: 'loud' is none of"},
      {"--look-up-timeout-ms=0", "--look-up-timeout-ms: '0'"},
      {"--look-up-timeout-ms=600001", "--look-up-timeout-ms: '600001'"},
      {"--limit-names=7", "--limit-names: '7' is no number from 8 to 16777216"},
      {"--limit-names=16777217", "--limit-names: '16777217'"},
      {"--limit-names=99999999999999999999", "--limit-names: '99999999999999999999'"},
      {"--limit-inline-bytes=1023", "--limit-inline-bytes: '1023'"},
      {"--limit-rights=0", "--limit-rights: '0'"},
      {"--limit-user-bytes=65535", "--limit-user-bytes: '65535'"},
      {"--limit-user-ports=1e3", "--limit-user-ports: '1e3'"},
      {"--limit-user-tasks=1048577", "--limit-user-tasks: '1048577'"},
      {"--limit-user-watches=1048577", "--limit-user-watches: '1048577'"},
      {"--control=/s/socket", "--control: is the same path as --socket"},
      {"--tls-cert=/no/such/file", "--tls-key: missing"},
      {"--config=/no/such/file", "/no/such/file"},
  };
  for (const auto& [argument, start] : kWrong) {
    SCOPED_TRACE(argument);
    expect_error(read({argument}), start);
  }
}

TEST_F(ConfigTest, UnknownAndRepeatedOptionsAreErrors) {
  EXPECT_THAT(read({"--lisen=a:1"}).text, HasSubstr("--lisen"));
  EXPECT_THAT(read({"stray"}).text, HasSubstr("stray"));
  EXPECT_EQ(read({"stray"}).exit_status, 2);
  expect_error(read({"--node=there"}), "--node: given more than once");
  EXPECT_EQ(read({"--listen"}).exit_status, 2);
}

TEST_F(ConfigTest, LimitsReachTheirRanges) {
  const ConfigOutcome least = read({"--limit-names=8", "--limit-user-bytes=65536", "--look-up-timeout-ms=1"});
  ASSERT_TRUE(least.config) << least.text;
  EXPECT_EQ(least.config->limits.names_per_space, 8U);
  EXPECT_EQ(least.config->limits.bytes_per_user, 65536U);
  EXPECT_EQ(least.config->look_up_limit.count(), 1);
  const ConfigOutcome most = read({"--limit-names=16777216", "--limit-user-bytes=1099511627776"});
  ASSERT_TRUE(most.config) << most.text;
  EXPECT_EQ(most.config->limits.names_per_space, 1U << 24);
  EXPECT_EQ(most.config->limits.bytes_per_user, 1ULL << 40);
}

TEST_F(ConfigTest, HelpShowsEveryOptionAndVersionTheVersion) {
  const ConfigOutcome help = read_bare({"--help"});
  EXPECT_EQ(help.exit_status, 0);
  EXPECT_FALSE(help.config);
  for (const char* option : {"--config", "--socket", "--control", "--node", "--listen", "--peer", "--state",
                             "--tls-cert", "--tls-key", "--tls-ca", "--insecure-peers", "--log-level",
                             "--look-up-timeout-ms", "--limit-names", "--limit-user-tasks", "--version"}) {
    EXPECT_THAT(help.text, HasSubstr(option));
  }
  const ConfigOutcome version = read_bare({"--version"});
  EXPECT_EQ(version.exit_status, 0);
  EXPECT_THAT(version.text, StartsWith("netmsgd "));
}

TEST_F(ConfigTest, NetworkingNeedsTlsOrThatPlaintextIsAskedFor) {
  expect_error(read({"--listen=127.0.0.1:7000"}), "--listen, --peer: need --tls-cert");
  expect_error(read({"--peer=b=127.0.0.1:7000"}), "--listen, --peer: need --tls-cert");
  const ConfigOutcome plaintext = read({"--peer=b=127.0.0.1:7000", "--insecure-peers"});
  ASSERT_TRUE(plaintext.config) << plaintext.text;
  EXPECT_TRUE(plaintext.config->networking());
  EXPECT_FALSE(plaintext.config->tls);
}

TEST_F(ConfigTest, TlsFilesGoTogetherAndMustBeReadable) {
  std::vector<std::string> arguments = tls();
  const ConfigOutcome whole = read(arguments);
  ASSERT_TRUE(whole.config) << whole.text;
  EXPECT_EQ(whole.config->tls->authority, file("ca"));
  arguments[1] = "--tls-key=" + file("missing");
  expect_error(read(arguments), "--tls-key: cannot read " + file("missing"));
  arguments.pop_back();
  expect_error(read(arguments), "--tls-ca: missing");
  arguments.erase(arguments.begin());
  expect_error(read(arguments), "--tls-cert: missing");
  arguments = tls();
  arguments.emplace_back("--insecure-peers");
  expect_error(read(arguments), "--insecure-peers: contradicts");
}

TEST_F(ConfigTest, PeersKeepTheirNamesApartWithoutRegardToCase) {
  const char* const flag = "--insecure-peers";
  expect_error(read({flag, "--peer=b=h:1", "--peer=B=h:2"}), "--peer: 'B' is the name of another peer");
  expect_error(read({flag, "--peer=HERE=h:1"}), "--peer: 'HERE' is the name of another peer or of this node");
  const ConfigOutcome two = read({flag, "--peer=b=h:1", "--peer", "c=[fe80::1%eth0]:2", "--peer=d"});
  ASSERT_TRUE(two.config) << two.text;
  ASSERT_EQ(two.config->peers.size(), 3U);
  EXPECT_EQ(two.config->peers[0].address->text(), "h:1");
  EXPECT_EQ(two.config->peers[1].address->text(), "[fe80::1%eth0]:2");
  EXPECT_FALSE(two.config->peers[2].address);
}

TEST_F(ConfigTest, WithoutPeersNetworkingIsOff) {
  const ConfigOutcome alone = read({"--listen=127.0.0.1:7000", "--insecure-peers"});
  ASSERT_TRUE(alone.config) << alone.text;
  EXPECT_FALSE(alone.config->networking());
}

TEST_F(ConfigTest, TheFileHasTheSameKeysAndTheCommandLineWins) {
  const std::string text =
      "listen = \"127.0.0.1:7000\"\n"
      "peer = [\"b=127.0.0.2:7000\", \"c=127.0.0.3:7000\"]\n"
      "insecure-peers = true\n"
      "look-up-timeout-ms = 250\n"
      "[limits]\n"
      "names = 100\n";
  const ConfigOutcome file_alone = read_toml(text);
  ASSERT_TRUE(file_alone.config) << file_alone.text;
  EXPECT_EQ(file_alone.config->listen->text(), "127.0.0.1:7000");
  EXPECT_EQ(file_alone.config->peers.size(), 2U);
  EXPECT_EQ(file_alone.config->look_up_limit.count(), 250);
  EXPECT_EQ(file_alone.config->limits.names_per_space, 100U);

  const ConfigOutcome both = read_toml(text, {"--peer=d=127.0.0.4:7000", "--limit-names=200"});
  ASSERT_TRUE(both.config) << both.text;
  ASSERT_EQ(both.config->peers.size(), 1U);
  EXPECT_EQ(both.config->peers[0].name, "d");
  EXPECT_EQ(both.config->limits.names_per_space, 200U);
  EXPECT_EQ(both.config->look_up_limit.count(), 250);
}

TEST_F(ConfigTest, AFilesMistakesComeWithTheirLine) {
  const std::string path = file("netmsgd.toml");
  expect_error(read_toml("\nlisten = \"x\"\n"), path + ":2: listen: 'x' is no ADDR:PORT");
  expect_error(read_toml("\n\nlissten = \"a:1\"\n"), path + ":3: lissten: unknown key");
  expect_error(read_toml("[limits]\nnames = 1\n"), path + ":2: limits.names: '1' is no number");
  expect_error(read_toml("[limits]\nnaems = 1\n"), path + ":2: limits.naems: unknown key");
  expect_error(read_toml("[network]\nlisten = \"a:1\"\n"), path + ":1: network: unknown key");
  expect_error(read_toml("limit-names = 10\n"), path + ":1: limit-names: unknown key");
  expect_error(read_toml("listen = 1.5\n"), path + ":1: listen: is no text");
  expect_error(read_toml("listen = [\"a:1\"]\n"), path + ":1: listen: is no text");
  expect_error(read_toml("peer = [\"b=a:1\", [1]]\n"), path + ":1: peer: is no text");
  expect_error(read_toml("insecure-peers = 1\n"), path + ":1: insecure-peers: '1' is neither");
  expect_error(read_toml("control = \"\"\n"), path + ":1: control: must not be empty");
  expect_error(read_toml("listen = \n"), path + ":1: ");
  expect_error(read_toml("a = 1\na = 2\n"), path + ":");
}

TEST_F(ConfigTest, TheSocketIsTheSystemsIfWritableElseTheUsers) {
  environment_ = {{"XDG_RUNTIME_DIR", "/run/user/7"}, {"HOME", "/home/u"}};
  const ConfigOutcome user = read_bare({});
  ASSERT_TRUE(user.config) << user.text;
  EXPECT_EQ(user.config->socket_path, "/run/user/7/netmsgd/socket");
  EXPECT_EQ(user.config->control_path, "/run/user/7/netmsgd/control");
  EXPECT_EQ(user.config->state_dir, "/home/u/.local/state/netmsgd");
  EXPECT_EQ(user.config->node, "host-1");
  EXPECT_FALSE(user.config->system_socket);
  writable_ = "/run/netmsgd";
  EXPECT_EQ(read_bare({}).config->socket_path, "/run/netmsgd/socket");
  EXPECT_TRUE(read_bare({}).config->system_socket);
  writable_ = "/var/lib/netmsgd";
  EXPECT_EQ(read_bare({}).config->state_dir, "/var/lib/netmsgd");
  environment_["XDG_STATE_HOME"] = "/state";
  writable_.clear();
  EXPECT_EQ(read_bare({}).config->state_dir, "/state/netmsgd");
}

TEST_F(ConfigTest, WithoutADefaultTheOptionIsAskedFor) {
  expect_error(read_bare({}), "--socket: needed here");
  expect_error(read_bare({"--socket=/s"}), "--state: needed here");
  host_name_ = "(none)";
  expect_error(read_bare({"--socket=/s", "--state=/t"}), "--node: needed here");
  expect_error(read_bare({"--socket=/" + std::string(107, 'x')}),
               "--socket: a socket's path has at most 107 bytes");
  expect_error(read_bare({"--socket=/" + std::string(103, 'x') + "/s", "--state=/t"}),
               "--control: the default beside");
}

}  // namespace
}  // namespace netmsg::daemon
