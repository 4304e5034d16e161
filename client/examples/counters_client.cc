// SPDX-License-Identifier: Apache-2.0
// Makes two counters on the server "counters", uses both, and gives them up by leaving their scope.
#include <cstdio>
#include <netmsg.hpp>

#include "client/examples/counters.h"

namespace {

netmsg::Result<netmsg::SendRight> new_counter(const netmsg::SendRight& service) {
  auto reply = netmsg::call(service, netmsg::Message(COUNTERS_NEW));
  if (!reply) return reply.error();
  return reply->take_send();
}

netmsg::Result<int> add(const netmsg::SendRight& counter, int number) {
  auto reply = netmsg::call(counter, netmsg::Message(COUNTER_ADD).put_int32(number));
  if (!reply) return reply.error();
  return reply->take_int32();
}

}  // namespace

int main() {
  netmsg::name_service::wait();
  const auto service = netmsg::name_service::wait_for("counters").value();
  const auto apples = new_counter(service).value();
  const auto pears = new_counter(service).value();
  add(apples, 3).value();
  add(pears, 5).value();
  std::printf("client: %d apples, %d pears\n", add(apples, 1).value(), add(pears, 1).value());
  // The service itself is no counter.
  std::printf("client: %s\n", add(service, 1).error().text());
}
