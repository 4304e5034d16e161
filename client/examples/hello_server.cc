// SPDX-License-Identifier: Apache-2.0
// Adds up the numbers it is sent, and answers each request with the sum so far: hello_server.c in C++.
#include <netmsg.hpp>

constexpr mach_msg_id_t kAdd = 100;

int main() {
  netmsg::name_service::wait();  // the daemon may still be starting
  const auto port = netmsg::ReceiveRight::make().value();
  netmsg::name_service::check_in("hello", port).value();

  netmsg::Server server;
  server.add(port).value();
  unsigned sum = 0;
  server.on(kAdd, [&](netmsg::ReceivedMessage& request, netmsg::Message& reply) -> netmsg::Result<void> {
    const auto number = request.take_int32();
    if (!number) return number.error();  // the client gets MIG_BAD_ARGUMENTS
    sum += static_cast<unsigned>(number.value());
    reply.put_int32(static_cast<int>(sum));
    return {};
  });
  server.run().value();
}
