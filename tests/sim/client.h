// SPDX-License-Identifier: Apache-2.0
// A program of the simulated world: a space and verbs. Every verb writes into the ledger what it did, and holds what
// comes back against it: rights arrive as the ports they were sent as (I10), messages once and in order (I6, I7),
// no-senders only when there is none (I3, I4), names die only with their port or a fence (I10).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/ipc/engine.h"
#include "daemon/ipc/entry.h"
#include "tests/sim/coverage.h"
#include "tests/sim/ledger.h"
#include "tests/support/mach_message.h"

namespace netmsg::sim {

using ipc::Name;

// Where a client lives: what it cannot know by itself.
class Surroundings {
 public:
  virtual ~Surroundings() = default;
  virtual HostIndex host() const = 0;
  virtual ipc::Engine& engine() = 0;
  virtual Ledger& ledger() = 0;
  virtual Story& story() = 0;
  virtual Coverage& coverage() = 0;
  // The port that an object of this host's engine is, or stands for.
  virtual PortId identify(ipc::Port& port) = 0;
  // Equal when no table has changed.
  virtual std::uint64_t digest() const = 0;
};

// A right to be sent: under which name, by which disposition; in a body inline, or `array` times in an array.
struct Offer {
  Name name = 0;
  unsigned disposition = 0;
  unsigned array = 0;
};

// How a message is sent.
struct Manner {
  unsigned timeout_ms = 0;  // 0: does not wait
  std::size_t payload = 0;  // bytes in the body
  std::size_t memory = 0;   // bytes out of line
  Name notify = 0;          // a receive right: it is forced in if there is no room
};

struct Held {
  Name name;
  ipc::EntryState state;
  std::uint32_t urefs;
  PortId port;     // 0: dead name
  HostIndex home;  // of the port
};

class Client final : public ipc::Completions {
 public:
  Client(Surroundings& around, ClientId id, const std::string& label, ipc::Account& account);
  ~Client() override;

  ClientId id() const { return id_; }
  ipc::Space& space() const { return *space_; }
  // All names but the task's own port.
  std::vector<Held> held();
  bool waits() const { return !pending_.empty(); }

  // --- verbs ---
  Name allocate(unsigned limit);
  void deallocate(Name name);
  void destroy(Name name);
  void set_limit(Name name, unsigned limit);  // of a receive right
  // A no-senders request on `name`, or a dead-name request; answered at `notify`, a receive right.
  void watch_senders(Name name, Name notify);
  void watch_death(Name name, Name notify);
  // `name`, a receive right, goes to `notify` when it would be destroyed.
  void inherit(Name name, Name notify);
  // One right of that name becomes another program's of this host; nothing is sent for it.
  void hand_on(Name name, mach_msg_type_name_t disposition, Client& to);
  void send(Offer to, Offer reply, const std::vector<Offer>& body, const Manner& manner);
  // Gives up what waits.
  void interrupt();
  // True if there was a message.
  bool receive(Name name);

  // I10 for names: REQUIRES to be called after every event of the host.
  void check();

  void complete(ipc::OpToken token, ipc::MsgResult&& result) override;

 private:
  struct Sending {
    std::uint32_t message;
    std::vector<PortId> once;  // send-once rights that it makes
    PortId told;               // hears when it has been forced in and has left the queue; 0: it is not forced
  };
  struct Belief {
    PortId port;
    // Ledger::clock() when the message that brought the right was begun, or else when the name was first seen.
    std::uint64_t since;
  };

  PortId port_of(Name name);
  void believe(Name name, const Belief& belief);
  bool request(Name name, mach_msg_id_t id, Name notify);
  std::uint32_t announce(Offer to, Offer reply, const std::vector<Offer>& body, std::size_t memory,
                         Sending& sending);
  void begun(const Sending& sending);
  void ended(const Sending& sending, mach_msg_return_t code);
  void hear(const ipc::MsgResult& result);
  void hear_notification(const mach_msg_header_t& header, const std::vector<std::uint32_t>& values);
  void hear_no_senders(PortId notify, std::uint32_t count);
  void compare(std::uint32_t id, const MessageFacts& sent, const ipc::MsgResult& result);
  void compare(const MessageFacts& sent, PortId meant, Name got);
  bool may_have_died(PortId port, const MessageFacts& sent) const;

  Surroundings& around_;
  const ClientId id_;
  ipc::Space* space_;
  ipc::OpToken next_token_ = 1;
  std::map<ipc::OpToken, Sending> pending_;
  std::map<ipc::OpToken, ipc::MsgResult> results_;
  std::map<Name, Belief> beliefs_;
};

}  // namespace netmsg::sim
