// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/places.h"

#include "daemon/ipc/core.h"
#include "daemon/ipc/remote_link.h"
#include "daemon/ipc/space.h"

namespace netmsg::ipc {

namespace {

class Walk {
 public:
  using Visit = std::function<void(const Place&, RightType, const Port&)>;
  explicit Walk(const Visit& visit) : visit_(visit) {}

  void all(const Core& core) {
    for (const auto& [id, space] : core.spaces) of_space(*space);
    core.ports.for_each([this](const Port& port) { of_port(port); });
    core.inheritances.for_each([this](const Inheritance& inheritance) {
      inheritance.for_each_right(
          [this](const CarriedRight& right) { see({Place::Kind::kInheritance}, right); });
    });
    if (core.host_port) visit_({Place::Kind::kDaemon}, RightType::kReceive, *core.host_port.port());
    const Place link{Place::Kind::kLink};
    core.link().for_each_right({[&](const Port& port) { visit_(link, RightType::kSend, port); },
                                [&](const Port& port) { visit_(link, RightType::kSendOnce, port); },
                                [&](const Port& port) { visit_(link, RightType::kReceive, port); }});
  }

 private:
  void see(const Place& at, const SendOnceRight& right) {
    if (right) visit_(at, RightType::kSendOnce, *right.port());
  }

  void see(const Place& at, const CarriedRight& right) {
    if (right.port() != nullptr) visit_(at, right.type(), *right.port());
  }

  void of_message(const Place& at, const Message& message) {
    if (message.accepted) see(at, message.accepted->notify());
    see(at, message.destination);
    see(at, message.reply);
    for (const BodyRight& item : message.body) see(at, item.right);
  }

  void of_entry(const Space& space, Name name, const Entry& entry) {
    const Place at{Place::Kind::kName, &space, name};
    if (entry.receive) visit_(at, RightType::kReceive, *entry.receive.port());
    if (entry.send) visit_(at, RightType::kSend, *entry.send.port());
    see(at, entry.once);
    if (entry.request) see({Place::Kind::kRequest, &space, name}, entry.request->notify);
  }

  void of_space(Space& space) {
    space.for_each([&](Name name, const Entry& entry) { of_entry(space, name, entry); });
    const Place task{Place::Kind::kTask, &space};
    space.task().for_each_port([&](const Port& port) { visit_(task, RightType::kReceive, port); });
    space.task().for_each_right([&](const CarriedRight& right) { see(task, right); });
    for (const auto& [token, operation] : space.operations()) {
      if (operation->message) of_message({Place::Kind::kCall, &space}, *operation->message);
    }
  }

  void of_port(const Port& port) {
    const Place request{Place::Kind::kRequest, nullptr, kNullName, &port};
    see(request, port.no_senders_request);
    see(request, port.port_destroyed_request);
    const Place queue{Place::Kind::kQueue, nullptr, kNullName, &port};
    port.queue.for_each([&](const Message& message) { of_message(queue, message); });
  }

  const Visit& visit_;
};

}  // namespace

void for_each_right(const Core& core,
                    const std::function<void(const Place&, RightType, const Port&)>& visit) {
  Walk(visit).all(core);
}

// The walk comes to a place's rights one after the other.
std::vector<Holding> holdings_of(const Core& core, const Port& port) {
  std::vector<Holding> holdings;
  for_each_right(core, [&](const Place& at, RightType type, const Port& of) {
    if (&of != &port) return;
    if (holdings.empty() || !(holdings.back().place == at)) holdings.push_back({at, {}});
    holdings.back().held.add(type);
  });
  return holdings;
}

}  // namespace netmsg::ipc
