// SPDX-License-Identifier: Apache-2.0
// The seam to the network: the whole of what the engine knows about other hosts. proxy/ implements it; a
// daemon without peers uses none (Engine then treats every question as "not carriable").
//
// A proxy is an ordinary port whose receive right is held behind this seam (Port::Home::kRemote). An exported
// port is an ordinary port to which the link holds naked rights, one SendRight for each peer that has send
// units and one SendOnceRight for each send-once unit: while they exist the port is referenced, and dropping
// them has the ordinary consequences. So no-senders, send-once notifications and audits need no rule of their
// own for the network.
//
// Engine -> link: the virtual functions below. All are called inside an event and must not start another one.
// Link -> engine: Engine::make_remote_port, set_window, deliver, and the rights themselves, inside an Event. A receive
// right moves by Port::depart, once its message has been forwarded, and Port::arrive, before its message is delivered.
#pragma once

#include <functional>

#include "daemon/ipc/message.h"

namespace netmsg::ipc {

class Port;

class RemoteLink {
 public:
  virtual ~RemoteLink() = default;

  // May a right of this type for `port` travel in a message to the proxy `destination`? False means that it
  // would need what the link cannot do: the answer is MACH_SEND_NO_BUFFER for a header right (nothing
  // consumed), MACH_SEND_INVALID_RIGHT for a body right. Dead ports are never asked about. Changes nothing.
  // `others` rights travel in the same message already.
  virtual bool can_carry(const Port& destination, const Port& port, RightType type,
                         std::uint32_t others) const = 0;

  // The largest message that can travel to this proxy's host, header and out-of-line memory included (a larger one:
  // MACH_SEND_NO_BUFFER, nothing consumed), and the most rights in a body (one more: MACH_SEND_INVALID_RIGHT).
  struct CarryLimits {
    std::uint32_t bytes;
    std::uint32_t rights;
  };
  virtual CarryLimits carry_limits(const Port& destination) const = 0;

  // The message has been accepted for the proxy that is its destination: a place in the window was taken, there or not.
  // Consumes the message and its rights, whatever happens. The destination right has
  // reached its goal here (CarriedRight::consume): a send-once right that was dropped instead would come
  // straight back as a notification to the same proxy. A msg-accepted request in it is the link's to keep until
  // the message has left its queue at the port's home, or will never come there. The link may keep the message for a
  // while before it goes out (its data is large): it is the link's with its rights, takes its place in the window, and
  // later ones to the same proxy do not overtake it.
  virtual void forward(MessagePtr message) = 0;

  // A message for a port of ours that is closed (Port::closed: the port has come from another host, and messages of ours
  // are still on their way back from there). It counts against the port's limit and goes into its queue by
  // Engine::deliver_held, which the link owes.
  virtual void hold(MessagePtr message) = 0;

  // The last local send right to this proxy is gone, or the last right of any kind. It may gain rights again before
  // end_of_event(): look again there.
  virtual void unreferenced(Port& proxy) = 0;

  // The free room (Port::room) of a port whose link_slot is set has changed; read it at end_of_event().
  virtual void room_changed(Port& port) = 0;

  // A port of ours whose link_slot is set has died; its naked rights held here are worthless now. Called in
  // the order of the deaths, before anything that the same event sends afterwards.
  virtual void died(Port& port) = 0;

  // A message that was delivered with this receipt has left its queue (receipt.h).
  virtual void left_queue(std::uint64_t token) = 0;

  // Every event ends with this, after all of its effects and before its completions are handed out.
  virtual void end_of_event() = 0;

  // Each right held behind the seam once (for audit): send and send-once rights to exported ports, receive
  // rights of proxies, rights in messages kept there.
  struct RightVisitor {
    std::function<void(const Port&)> send;
    std::function<void(const Port&)> send_once;
    std::function<void(const Port&)> receive;
  };
  virtual void for_each_right(const RightVisitor& visitor) const = 0;
};

}  // namespace netmsg::ipc
