// SPDX-License-Identifier: Apache-2.0
#include "proxy/hello.h"

#include <algorithm>

#include "proxy/mutant.h"
#include "proxy/wire.h"

namespace netmsg::proxy {

namespace {

Check check_version(const v1::Hello& hello) {
  if (hello.version_min() <= kVersionMax && hello.version_max() >= kVersionMin) return std::nullopt;
  return Fault{v1::Fence::VERSION, "we speak versions " + std::to_string(kVersionMin) + " to " +
                                       std::to_string(kVersionMax) + ", the peer " +
                                       std::to_string(hello.version_min()) + " to " +
                                       std::to_string(hello.version_max())};
}

Check check_node(const NodeId& node, const Options& options, const PeerIdentity& identity) {
  if (node == options.node) return Fault{v1::Fence::REFUSED, "the peer has our own node id"};
  if (identity.verified && identity.node != node) {
    return Fault{v1::Fence::REFUSED, "the node id is not the one of the certificate"};
  }
  return std::nullopt;
}

Check check_incarnation(const Greeting& greeting, const std::optional<Greeting>& known) {
  if (greeting.incarnation == 0) return protocol_error("incarnation 0");
  if (broken(Rule::kIncarnationsGrow)) return std::nullopt;
  if (!known || known->node != greeting.node || greeting.incarnation >= known->incarnation)
    return std::nullopt;
  return Fault{v1::Fence::INCARNATION, "incarnation " + std::to_string(greeting.incarnation) + " after " +
                                           std::to_string(known->incarnation)};
}

Check check_limits(const MessageLimits& limits) {
  if (limits.bytes < sizeof(mach_msg_header_t)) return protocol_error("a peer that takes no messages");
  return limits.bulk_window >= kBulkWindowMin ? std::nullopt : protocol_error("a peer that takes no chunks");
}

}  // namespace

std::string printable_name(const std::string& name) {
  std::string clean = name.substr(0, 255);
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c <= ' ' || c > '~'; }, '?');
  return clean;
}

v1::Hello make_hello(const Options& options, std::uint64_t generation, std::uint32_t name_service_room) {
  v1::Hello hello;
  hello.set_version_min(kVersionMin);
  hello.set_version_max(kVersionMax);
  hello.set_node(options.node.wire());
  hello.set_incarnation(options.incarnation);
  hello.set_name(options.name);
  hello.set_generation(generation);
  hello.set_message_bytes_max(options.limits.message_bytes);
  hello.set_bulk_window(options.limits.bulk_window);
  hello.set_rights_max(std::min(options.limits.rights_per_message, kRightsMax));
  hello.set_name_service_room(name_service_room);
  return hello;
}

Check read_greeting(const v1::Hello& hello, const Options& options, const PeerIdentity& identity,
                    const std::optional<Greeting>& known, Greeting& greeting) {
  if (Check fault = check_version(hello)) return fault;
  const std::optional<NodeId> node = NodeId::from_wire(hello.node());
  if (!node) return protocol_error("node id of another length");
  greeting.node = *node;
  greeting.incarnation = hello.incarnation();
  greeting.generation = hello.generation();
  greeting.nonce = hello.nonce();
  if (hello.resume()) greeting.resumes = hello.resume_applied();
  greeting.name = printable_name(hello.name());
  greeting.limits = {hello.message_bytes_max(), std::min(hello.rights_max(), kRightsMax),
                     std::min(hello.bulk_window(), kBulkWindowMax)};
  greeting.name_service_room = hello.name_service_room();
  if (Check fault = check_node(greeting.node, options, identity)) return fault;
  if (Check fault = check_incarnation(greeting, known)) return fault;
  return check_limits(greeting.limits);
}

}  // namespace netmsg::proxy
