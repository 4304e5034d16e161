// SPDX-License-Identifier: Apache-2.0
// The programs of client/examples do what their manual says, and leave nothing behind.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "tests/support/host.h"

namespace netmsg::test {
namespace {

using ::testing::Values;

std::string program(const std::string& name) {
  return std::string(EXAMPLES) + "/example_" + name;
}

class Examples : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(balanced({&host_}), ""); }

  // Status and output.
  std::pair<int, std::string> run(const std::string& name, const std::vector<std::string>& arguments = {}) {
    std::vector<std::string> command{program(name)};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return test::run(command, host_.environment());
  }
  bool knows(const std::string& name) {
    return eventually([&] { return host_.control({"names"}).second.find(name) != std::string::npos; });
  }

  Host host_{"here", 0, {}};
};

using Ended = std::pair<int, std::string>;

// Client and server of either language understand each other.
class HelloExamples : public Examples, public testing::WithParamInterface<const char*> {};
TEST_P(HelloExamples, AddUp) {
  Process server({program(GetParam())}, host_.environment());
  ASSERT_TRUE(knows("hello"));
  EXPECT_EQ(run("hello_client"), Ended(0, "client: the sum is 42\n"));
  EXPECT_EQ(run("cpp_hello_client"), Ended(0, "client: the sum is 84\n"));
  EXPECT_EQ(server.stop(SIGTERM), -SIGTERM);
}
INSTANTIATE_TEST_SUITE_P(Servers, HelloExamples, Values("hello_server", "cpp_hello_server"));

TEST_F(Examples, AServerWithAnEventLoopServesAndHearsOfSignals) {
  Process server({program("epoll_server")}, host_.environment());
  ASSERT_TRUE(knows("hello"));
  EXPECT_EQ(run("hello_client"), Ended(0, "client: the sum is 42\n"));
  EXPECT_EQ(run("cpp_hello_client"), Ended(0, "client: the sum is 84\n"));
  EXPECT_EQ(server.stop(SIGTERM), 0);
  EXPECT_EQ(server.output(), "server: the sum was 84\n");
}

TEST_F(Examples, ClientAndServerTellOfRights) {
  Process server({program("server"), "story"}, host_.environment());
  ASSERT_TRUE(knows("story"));
  const auto [status, output] = run("client", {"story", ""});
  EXPECT_EQ(status, 0) << output;
  EXPECT_EQ(server.wait(), 0) << server.output();
}

TEST_F(Examples, CountersGoWhenNobodyHasThem) {
  Process server({program("cpp_counters_server")}, host_.environment());
  ASSERT_TRUE(knows("counters"));
  EXPECT_EQ(run("cpp_counters_client"),
            Ended(0, "client: 4 apples, 6 pears\nclient: (ipc/mig) unknown request id\n"));
  const std::string gone = "server: a counter is gone, 1 left\nserver: a counter is gone, 0 left\n";
  EXPECT_TRUE(eventually([&] { return server.output() == gone; })) << server.output();
  EXPECT_EQ(server.stop(SIGTERM), -SIGTERM);
}

TEST_F(Examples, SmallOnesTellWhatTheyShow) {
  EXPECT_EQ(run("memory"), Ended(0, "received 1048576 bytes, from 'm' to 'm'\n"));
  EXPECT_EQ(run("dead_name"), Ended(0, "notification 72: our port is dead: yes; references: 2\n"));
  EXPECT_EQ(run("stream"), Ended(0, "1000 numbers in 200 calls, their sum is 499500\n"));
  const auto [status, output] = run("port_set");
  EXPECT_EQ(status, 0);
  EXPECT_EQ(output.rfind("message 2 for the second port\nmessage 1 for the first port\n", 0), 0U) << output;
}

}  // namespace
}  // namespace netmsg::test
