// SPDX-License-Identifier: Apache-2.0
#include "daemon/ctl/under_way.h"

namespace netmsg::ctl {
namespace {

std::string host(const v1::OldPath& path) {
  return "host " + (path.holder().empty() ? path.node_id() : path.holder());
}

std::string units(const v1::OldPath& path) {
  return std::to_string(path.send()) + " send and " + std::to_string(path.send_once()) + " send-once units";
}

void add_stub(const v1::Stub& stub, std::vector<std::string>& all) {
  all.push_back("it was at home here and has gone to host " + stub.target() +
                (stub.told() ? "" : ", which has not said yet that it has it") +
                (stub.guard() ? "; one send right there is kept until all have followed" : ""));
  for (const v1::OldPath& path : stub.paths()) {
    all.push_back(host(path) + (path.closing() ? " has followed, and something of it still waits here"
                                               : " still sends for it to here, by " + units(path)));
  }
}

void add_undrained(const v1::Undrained& undrained, std::vector<std::string>& all) {
  for (const v1::OldPath& path : undrained.paths()) {
    std::string line = host(path) + " may still send for it by host " + undrained.from();
    if (path.closing()) line += ", which has said that nothing more comes";
    if (path.send() + path.send_once() > 0) line += "; " + units(path) + " are kept for it";
    if (path.held() > 0)
      line += "; " + std::to_string(path.held()) + " messages that came directly wait for that";
    all.push_back(line);
  }
  if (undrained.held() > 0)
    all.push_back(std::to_string(undrained.held()) +
                  " messages wait for the queue that has come with it from host " + undrained.from());
}

void add_if(std::uint64_t count, const char* what, std::vector<std::string>& all) {
  if (count > 0) all.push_back(std::to_string(count) + " " + what);
}

}  // namespace

std::vector<std::string> under_way(const v1::PortView& view) {
  std::vector<std::string> all;
  if (view.has_stub()) add_stub(view.stub(), all);
  if (view.has_undrained()) add_undrained(view.undrained(), all);
  for (const v1::Parked& parked : view.parked()) {
    all.push_back(std::to_string(parked.messages()) + " messages of host " + parked.peer() +
                  " wait for rights of third hosts");
  }
  add_if(view.held_back(), "messages to it wait for ports in them whose senders have not all followed", all);
  add_if(view.awaited(), "rights to it are in messages that wait for its home to grant them", all);
  add_if(view.unmatched(), "units have come whose message has not", all);
  add_if(view.kept(), "units wait for a session with the host they are for", all);
  return all;
}

}  // namespace netmsg::ctl
