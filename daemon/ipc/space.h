// SPDX-License-Identifier: Apache-2.0
// A port space (spec 01 §1): the names of one task, the calls of it that wait, and the port of the task
// itself. Created and destroyed by the engine; alive until the task exits. Owner thread only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "daemon/ipc/engine.h"
#include "daemon/ipc/name_table.h"
#include "daemon/ipc/operation_table.h"
#include "daemon/ipc/port_names.h"
#include "daemon/ipc/task_ports.h"
#include "daemon/ipc/watch.h"

namespace netmsg::ipc {

class Core;

class Space {
 public:
  Space(Core& core, std::uint64_t id, std::string label, Account& account, Completions& completions);
  ~Space();
  Space(const Space&) = delete;
  Space& operator=(const Space&) = delete;

  Core& core() const { return core_; }
  std::uint64_t id() const { return id_; }
  const std::string& label() const { return label_; }
  Account& account() const { return account_; }
  Completions& completions() const { return completions_; }

  // --- names ---
  // Null if the name denotes nothing. An entry whose port has died is a dead name from here on (01 §4).
  Entry* find(Name name);
  EntryState state_of(Name name);
  // The entry with the receive right, or null.
  Entry* find_receive(Name name);
  // The name under which this space holds send or receive rights for the port, if it does. REQUIRES: the port
  // is alive.
  Name name_of(const Port& port) const;

  bool full() const { return names_.full(); }
  std::uint32_t size() const { return names_.size(); }
  Name pick_name() { return names_.pick(); }

  // New entries. REQUIRES: `name` is free, !full().
  void add_receive(Name name, ReceiveRight right);
  void add_send(Name name, SendRight right);
  void add_send_once(Name name, SendOnceRight right);
  void add_port_set(Name name);
  void add_dead_name(Name name);

  // Rights that join or leave an existing entry; the reverse index follows.
  void merge_receive(Name name, ReceiveRight right);  // S(n) -> R+S(n)
  // R -> R+S(1), S(n) -> S(n+1); at the maximum the right is dropped (01 §4).
  void merge_send(Name name, SendRight right);
  // The send right of an entry that keeps its name: R+S(n) -> R. REQUIRES: R+S.
  SendRight split_send(Entry& entry);
  // The receive right of an entry that keeps its name: R+S(n) -> S(n); the port is in limbo. REQUIRES: R+S.
  ReceiveRight split_receive(Name name, Entry& entry);
  // Everything under the name leaves the space; the name rests. A receive right is in limbo, a dead-name
  // request is no longer listed at the port, a msg-accepted request has no name.
  Entry remove(Name name);

  // Everything under `old_name` goes on as `new_name`; what refers to the name follows. REQUIRES: the first is in
  // use, the second is valid and not.
  void rename(Name old_name, Name new_name);

  // A dead-name request of this space fires: the entry is a dead name with one uref more (06 §3).
  void port_died_under(Name name);

  template <typename Visitor>
  void for_each(Visitor visit) {
    names_.for_each([&](Name name, Entry& entry) {
      notice_death(entry);
      visit(name, entry);
    });
  }

  // --- calls that wait ---
  Operation& add_operation(OperationPtr operation);
  OperationPtr take_operation(Operation& operation);
  Operation* find_operation(OpToken token) const { return operations_.find(token); }
  const OperationTable::Map& operations() const { return operations_.all(); }
  // Task exit: waiting calls are discarded, and what was handed to them is destroyed (01 §14).
  void discard_operations();

  // --- watches (watch.h) ---
  bool watched() const { return !watches_.empty(); }
  Watch& add_watch(Port& port) { return keep_watch(std::make_unique<Watch>(*this, next_watch_++, port)); }
  Watch& add_watch(PortSet& set) { return keep_watch(std::make_unique<Watch>(*this, next_watch_++, set)); }
  Watch* find_watch(WatchId id) const;
  void remove_watch(WatchId id) { watches_.erase(id); }
  const std::map<WatchId, std::unique_ptr<Watch>>& watches() const { return watches_; }
  // Task exit: nobody is told anything any more.
  void discard_watches() { watches_.clear(); }

  // What the task has besides names; the engine is the receiver of its ports.
  TaskPorts& task() { return task_; }

 private:
  void notice_death(Entry& entry);
  Watch& keep_watch(std::unique_ptr<Watch> watch);
  void index_send(const Entry& entry, Name name);
  void unindex_send(const Entry& entry);
  // What is denoted learns its name.
  void settle_name(Entry& entry, Name name);

  Core& core_;
  const std::uint64_t id_;
  const std::string label_;
  Account& account_;
  Completions& completions_;
  TaskPorts task_;
  NameTable names_;
  PortNames send_names_;  // of S entries; R and R+S entries are found through Port::receiver()
  OperationTable operations_;
  WatchId next_watch_ = 1;
  std::map<WatchId, std::unique_ptr<Watch>> watches_;
};

}  // namespace netmsg::ipc
