// SPDX-License-Identifier: Apache-2.0
// Messages that were forced in though there was no room (peer.proto, exchange 2 step 6), in both directions of one
// session: the msg-accepted requests of our programs for messages that are at the peer, and which of the peer's
// messages are in queues here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "daemon/ipc/accepted_request.h"
#include "daemon/ipc/quota.h"
#include "daemon/ipc/receipt.h"
#include "proxy/port_uid.h"
#include "proxy/registry.h"

namespace netmsg::proxy {

class Forced {
 public:
  // A forced message: the port of its home that it went to, and the number of its frame.
  struct Sent {
    PortUid port;
    FrameNumber number;
  };

  // --- ours, at the peer ---
  // `charge`: the sender's, for the message. It pays until that has left its queue, as it would here.
  // For a message of another host that goes on, its receipt takes the place of the request. `pin`: of the port, which may come
  // here, and keep its uid, before the message has left the queue.
  void sent(const Sent& message, RegistryPin pin, std::unique_ptr<ipc::AcceptedRequest> request,
            ipc::Receipt receipt, ipc::Charge charge);
  // It has left its queue there: the notification is made. Unknown: the port has died meanwhile.
  void accepted(const Sent& message);
  // The port has died, and its queue with it: all its notifications are made.
  void port_died(const PortUid& port) { const auto dropped = there_.extract(port); }
  // So have all.
  void drop_all();
  // The send-once rights of the requests.
  void for_each_right(const std::function<void(const ipc::Port&)>& visit) const;

  // --- the peer's, here ---
  // `receipt` is new.
  void received(std::uint64_t receipt, const Sent& message) { here_.emplace(receipt, message); }
  // It has left its queue here. Nothing if it is not of this session.
  std::optional<Sent> left(std::uint64_t receipt);

  // Ports of the peer with messages of ours, and messages of the peer's.
  std::size_t size() const { return there_.size() + here_.size(); }
  std::uint64_t digest() const;

 private:
  struct Outstanding {
    RegistryPin pin;
    std::unique_ptr<ipc::AcceptedRequest> request;
    ipc::Receipt receipt;
    ipc::Charge charge;
  };
  using Requests = std::map<FrameNumber, Outstanding>;
  std::map<PortUid, Requests> there_;  // no empty ones
  std::map<std::uint64_t, Sent> here_;
};

}  // namespace netmsg::proxy
