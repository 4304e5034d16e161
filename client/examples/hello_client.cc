// SPDX-License-Identifier: Apache-2.0
// Sends a number to the server "hello" on the host named by the argument (default: any) and prints the sum.
#include <cstdio>
#include <netmsg.hpp>

constexpr mach_msg_id_t kAdd = 100;

int main(int argc, char** argv) {
  netmsg::name_service::wait();
  const auto service = netmsg::name_service::wait_for("hello", argc > 1 ? argv[1] : "*").value();
  auto reply = netmsg::call(service, netmsg::Message(kAdd).put_int32(42), std::chrono::seconds(10));
  if (!reply) {
    std::printf("client: %s\n", reply.error().text());
    return 1;
  }
  std::printf("client: the sum is %d\n", reply->take_int32().value());
}
