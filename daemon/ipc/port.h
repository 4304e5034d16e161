// SPDX-License-Identifier: Apache-2.0
// A port (spec 01 §5): where its receive right is, what rights exist to it, its queue, and who waits for it.
//
//   Home        the receive right is ...                              next
//   kLimbo      a ReceiveRight in somebody's hands (just made, or     any of those below
//               taken out of a space, or being received)
//   kSpace      in an entry of a space                                kLimbo, kDead
//   kTransit    in a message queued towards `transit_to`              kLimbo, kRemote, kDead
//   kRemote     on another host: this port is a proxy                 kLimbo (it has come here), kDead
//   kKernel     the engine's: messages to it are requests (05 §8)     kDead
//   kDead       nowhere; what names the port is a dead name           -
//
// The object lives as long as something refers to it (PortRef); the port lives as long as its receive right
// does. Owner thread only.
#pragma once

#include <memory>
#include <optional>

#include "daemon/base/intrusive_list.h"
#include "daemon/ipc/belongings.h"
#include "daemon/ipc/kernel_object.h"
#include "daemon/ipc/message.h"
#include "daemon/ipc/right.h"
#include "daemon/ipc/types.h"

namespace netmsg::ipc {

class Core;
class Operation;
class PortSet;
class Space;
class Watch;
struct MemberTag;
struct PortRegistryTag;
struct RequestTag;
struct WaiterTag;

// A dead-name request (06 §3): owned by the entry it stands on, listed at the port in the order of
// registration.
struct DeadNameRequest : base::ListNode<RequestTag> {
  DeadNameRequest(Space& in_space, Name of_name, SendOnceRight to)
      : space(in_space), name(of_name), notify(std::move(to)) {}
  Space& space;
  Name name;  // follows renames
  SendOnceRight notify;
};

// Calls that wait for a message; the most recent one is served first (01 §8.8).
using Receivers = base::IntrusiveList<Operation, WaiterTag>;

class Port : public base::ListNode<PortRegistryTag>, public base::ListNode<MemberTag> {
 public:
  enum class Home { kLimbo, kSpace, kTransit, kRemote, kKernel, kDead };

  // A new port, its receive right in the caller's hands. `charge` is released when the port dies.
  static ReceiveRight create(Core& core, Charge charge);

  Core& core() const { return core_; }
  Home home() const { return home_; }
  bool dead() const { return home_ == Home::kDead; }
  bool remote() const { return home_ == Home::kRemote; }

  // kSpace: where the receive right is.
  Space* receiver() const { return home_ == Home::kSpace ? receiver_ : nullptr; }
  Name receiver_name() const { return receiver_name_; }
  // kTransit: the destination of the message that carries the receive right.
  Port* transit_to() const { return home_ == Home::kTransit ? transit_to_.get() : nullptr; }
  // kKernel: what it stands for.
  const KernelObject& object() const { return object_; }

  // The receive right has arrived somewhere. REQUIRES: kLimbo (kSpace also for a rename).
  void settle_in_space(Space& space, Name name);
  void settle_in_transit(Port& destination);
  void settle_remote();
  void settle_kernel(KernelObject object);
  // The receive right leaves its space (01 §10 step 1): the port leaves its set, or receivers blocked on it
  // are woken; the make-send count and the sequence number start again, the payload is unset.
  void leave_space();
  // The receive right has been taken out of the message that carried it.
  void leave_transit();
  // The receive right goes to another host; what stays is a proxy with no room, its names, its rights and those who
  // wait to send. What goes along is returned. Whoever has the receive right keeps it, for the proxy. REQUIRES:
  // kLimbo or kTransit.
  Belongings depart();
  // The receive right of this proxy comes here: kLimbo. Senders that wait are woken for the room there is. REQUIRES:
  // kRemote; the caller has the receive right. `charge` pays from now on.
  void arrive(Belongings belongings, Charge charge);
  // Where "in transit to" leads from here: the last port of the chain, which is in transit no more (03 §9).
  const Port& end_of_transit() const;

  // --- rights (01 §5); changed by the rights themselves ---
  std::uint32_t srights() const { return srights_; }
  std::uint32_t sorights() const { return sorights_; }
  bool referenced() const { return srights_ + sorights_ > 0; }

  // Who pays for the port, and for what the engine itself puts into its queue; null: nobody, or dead.
  Account* account() const { return charge_.account(); }

  // --- flow (01 §8) ---
  // How many more messages the port takes before senders block.
  std::uint32_t room() const { return msgcount < qlimit ? qlimit - msgcount : 0; }

  // The link's mark on exported ports and proxies; 0: neither.
  std::uint64_t link_slot = 0;

  std::uint32_t mscount = 0;
  std::uint32_t seqno = 0;
  std::uint32_t msgcount = 0;                       // a proxy: our messages that its home has not settled yet
  std::uint32_t qlimit = MACH_PORT_QLIMIT_DEFAULT;  // a proxy: the window its home gave
  std::optional<std::uint64_t> payload;
  SendOnceRight no_senders_request;
  SendOnceRight port_destroyed_request;  // the backup: gets the receive right instead of the port's death
  base::IntrusiveList<DeadNameRequest, RequestTag> dead_name_requests;
  MessageQueue queue;
  bool closed = false;        // what is sent here goes to the link, which queues it later (RemoteLink::hold)
  bool sender_woken = false;  // one of the senders is about to look at the room again
  std::uint32_t held = 0;     // messages that are with the link; they count
  Receivers receivers;        // none while the port is in a set
  PortSet* set = nullptr;     // the one that it is a member of; kept by the set
  base::IntrusiveList<Operation, WaiterTag> senders;  // first come, first served
  Watch* watch = nullptr;                             // of the receive right in its space; kept by the watch
  std::uint32_t death = 0;  // the link's number for why a proxy dies; set before it does

  ~Port();

 private:
  friend class PortRef;
  friend class SendRight;
  friend class SendOnceRight;
  friend class ReceiveRight;
  Port(Core& core, Charge charge);

  // teardown.cc
  void die();
  bool go_to_backup();

  std::uint32_t memory_refs_ = 0;
  Home home_ = Home::kLimbo;
  Name receiver_name_ = kNullName;
  Space* receiver_ = nullptr;
  Core& core_;
  Charge charge_;
  PortRef transit_to_;
  KernelObject object_;
  std::uint32_t srights_ = 0;
  std::uint32_t sorights_ = 0;
};

}  // namespace netmsg::ipc
