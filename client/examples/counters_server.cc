// SPDX-License-Identifier: Apache-2.0
// A service with a port for each object: whoever has a send right for a counter's port can use that counter, and pass
// it on. When nobody has one any more, on any host, the daemon says so, and the counter is gone.
#include <cstdio>
#include <map>
#include <netmsg.hpp>
#include <utility>

#include "client/examples/counters.h"

namespace {

struct Counter {
  netmsg::ReceiveRight port;
  unsigned value = 0;
};

class Counters {
 public:
  explicit Counters(netmsg::Server& server) : server_(server) {}

  netmsg::Result<void> make(netmsg::Message& reply) {
    auto port = netmsg::ReceiveRight::make();
    if (!port) return port.error();
    // First the right, then the request: a port without senders would be told about at once.
    auto send = port->make_send();
    if (!send) return send.error();
    if (const auto asked = port->request_no_senders(*port); !asked) return asked.error();
    if (const auto added = server_.add(*port); !added) return added;
    reply.put_send(std::move(*send));  // if the reply cannot be sent, nobody has it
    const mach_port_name_t name = port->name();
    counters_[name].port = std::move(*port);
    return {};
  }

  netmsg::Result<void> add(netmsg::ReceivedMessage& request, netmsg::Message& reply) {
    const auto counter = counters_.find(request.arrived_at());  // the port says which object is meant
    const auto number = request.take_int32();
    if (counter == counters_.end()) return netmsg::Error(MIG_BAD_ID);
    if (!number) return number.error();
    counter->second.value += static_cast<unsigned>(number.value());
    reply.put_int32(static_cast<int>(counter->second.value));
    return {};
  }

  void nobody_has(mach_port_name_t name) {
    counters_.erase(name);  // no send right is made but in make(), so there will be none again
    std::printf("server: a counter is gone, %zu left\n", counters_.size());
    std::fflush(stdout);
  }

 private:
  netmsg::Server& server_;
  std::map<mach_port_name_t, Counter> counters_;
};

}  // namespace

int main() {
  using netmsg::Message;
  using netmsg::ReceivedMessage;
  netmsg::name_service::wait();
  const auto port = netmsg::ReceiveRight::make().value();
  netmsg::name_service::check_in("counters", port).value();

  netmsg::Server server;
  Counters counters(server);
  server.add(port).value();
  server.on(COUNTERS_NEW, [&](ReceivedMessage&, Message& reply) { return counters.make(reply); });
  server.on(COUNTER_ADD,
            [&](ReceivedMessage& request, Message& reply) { return counters.add(request, reply); });
  server.on_no_senders([&](mach_port_name_t at, mach_port_mscount_t) { counters.nobody_has(at); });
  server.run().value();
}
