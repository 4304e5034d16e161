// SPDX-License-Identifier: Apache-2.0
// An engine with tasks that tests drive by verbs. After every verb all invariants of the engine are checked.
// A name that a test did not expect to fail for is a test failure by itself.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemon/ipc/engine.h"
#include "daemon/ipc/mach_port.h"
#include "tests/support/mach_message.h"

namespace netmsg::test {

// What a receive gave.
struct Received {
  mach_msg_return_t code = 0;
  mach_msg_header_t header{};
  Bytes bytes;
  std::vector<std::uint32_t> values;  // of the body
  std::vector<ipc::Region> regions;
};

class World;

class Task : public ipc::Completions {
 public:
  Task(World& world, const std::string& label);
  ~Task() override;

  ipc::Space& space() const { return *space_; }

  // --- ports ---
  Name port();                       // R
  Name port_with_sends(unsigned n);  // R+S(n)
  void make_send(Name name);         // MAKE_SEND under the same name
  Name port_set();
  Name dead_name(unsigned n);
  // A right for this task's port, in the other task's space; its name there.
  Name give_send(Task& to, Name name);
  Name give_send_once(Task& to, Name name);
  kern_return_t destroy(Name name);
  kern_return_t deallocate(Name name);
  kern_return_t mod_refs(Name name, mach_port_right_t right, int delta);
  kern_return_t set_qlimit(Name name, unsigned limit);
  kern_return_t rename(Name name, Name new_name);
  kern_return_t move_member(Name member, Name after);
  // Registers; the send-once right is made from `notify`. Code, previous right ignored.
  kern_return_t request(Name name, mach_msg_id_t id, Name notify, unsigned sync = 0);
  mach_port_status_t status(Name name);

  // "R", "R+S2", "S1", "SO", "DN1", "PS" or "free".
  std::string state(Name name);
  bool has_request(Name name);
  // Is there a message that this task has forced upon the port?
  bool has_forced(Name name);

  // --- messages ---
  // One mach_msg that must end at once.
  ipc::MsgResult call(ipc::MsgArgs args);
  // One that may wait: its token; the result when there is one.
  ipc::OpToken begin(ipc::MsgArgs args);
  std::optional<ipc::MsgResult> result(ipc::OpToken token);
  void cancel(ipc::OpToken token);

  // MACH_SEND_MSG with `option`, never blocking.
  mach_msg_return_t send(const Outgoing& message, mach_msg_option_t option = 0, Name notify = 0);
  // The buffer after such a call (pseudo-receive).
  ipc::MsgResult send_for_result(const Outgoing& message, mach_msg_option_t option = 0, Name notify = 0);
  // MACH_RCV_MSG with `option`, polling.
  Received receive(Name name, mach_msg_option_t option = 0, Name notify = 0, unsigned size = 1U << 20);
  // Number of messages with this id that can be received from `name` now; takes all messages out.
  unsigned drain(Name name, mach_msg_id_t id);

  void die();          // task exit
  void die_quietly();  // inside an event: nothing is checked before it ends
  bool alive() const { return space_ != nullptr; }

  void complete(ipc::OpToken token, ipc::MsgResult&& result) override;

 private:
  World& world_;
  ipc::Space* space_;
  ipc::OpToken next_token_ = 1;
  std::map<ipc::OpToken, ipc::MsgResult> results_;
};

class World {
 public:
  explicit World(ipc::Limits limits = {}) : engine(clock, limits) {}
  ~World() { tasks_.clear(); }

  Task& task(const std::string& label = "task") {
    return *tasks_.emplace_back(std::make_unique<Task>(*this, label));
  }
  void check() const { engine.check_invariants(); }
  // Lets time pass.
  void advance(std::chrono::milliseconds by) {
    clock.advance(by);
    engine.advance();
    check();
  }

  base::ManualClock clock;
  ipc::Account account{ipc::Account::Limits{}};
  ipc::Engine engine;

 private:
  std::deque<std::unique_ptr<Task>> tasks_;
};

}  // namespace netmsg::test
