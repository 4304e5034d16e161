// SPDX-License-Identifier: Apache-2.0
// A second implementation of the rules for names, rights, messages and notifications (spec 01-06), to be read
// next to the specification: plain maps and vectors, everything looked up by walking, nothing shared with the
// engine. Slow and obvious. No limits of resources, one host; time is a number that callers set.
//
// The parts: entries.cc names and what becomes of them; destruction.cc ports and messages that die;
// copyin.cc and copyout.cc rights into and out of messages (04); memory.cc out-of-line memory (02 §9);
// delivery.cc queues and who waits (01 §8, §9); mach_msg.cc the phases of 03; port_calls.cc the calls of 05.
//
// Every call is one event: whoever was woken by it has gone on when it returns.
#pragma once

#include <mach/message.h>
#include <mach/port.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tests/model/fault.h"

namespace netmsg::model {

using Name = mach_port_name_t;
using Bytes = std::vector<std::byte>;
using SpaceId = int;
using PortId = int;
using Address = std::uint64_t;
using SetId = int;
using Disposition = mach_msg_type_name_t;
inline constexpr int kNobody = -1;

// ---------------------------------------------------------------- 01 §4: what a name denotes

enum class What { kFree, kReceive, kReceiveSend, kSend, kSendOnce, kDeadName, kPortSet };

struct Message;
using MessagePtr = std::shared_ptr<Message>;

struct Request {  // for a dead-name notification
  PortId notify = kNobody;
  int order = 0;  // of registration
};

struct Entry {
  What what = What::kFree;
  unsigned urefs = 0;  // of the send right or the dead name
  PortId port = kNobody;
  SetId set = kNobody;
  std::optional<Request> request = {};
  MessagePtr forced = {};  // the msg-accepted request that is pending for this name
};

struct Space {
  bool dead = false;
  std::map<Name, Entry> entries;
  Name next_name = 0;
  std::map<Address, Bytes> memory = {};  // mapped regions, whole pages each
  Address next_address = 0;
};

// ---------------------------------------------------------------- rights in messages

struct Right {
  enum class To { kNull, kDead, kPort };
  Disposition type = 0;  // as received: 0, 16, 17 or 18
  To to = To::kNull;
  PortId port = kNobody;
};

struct Item {              // of the body: rights, or out-of-line memory, or both
  std::size_t offset = 0;  // of the first element, or of the address
  std::vector<Right> rights = {};
  bool out_of_line = false;
  Bytes data = {};  // out of line, no rights
  Address page_offset = 0;
};

struct Accepted {  // 03 §6: whom to tell that the message has left the queue
  PortId notify = kNobody;
  SpaceId space = kNobody;
  Name name = MACH_PORT_NULL;
};

struct Message {
  Bytes bytes;  // descriptors and bits as they will be received, the fields of rights meaningless
  Right destination;
  Right reply;
  std::vector<Item> items;
  bool circular = false;
  mach_port_seqno_t seqno = 0;  // from the moment at which it leaves the queue
  std::optional<Accepted> accepted;
};

// ---------------------------------------------------------------- 01 §5, §9: ports and sets

struct Call;
using CallPtr = std::shared_ptr<Call>;

struct Port {
  bool dead = false;
  SpaceId holder = kNobody;     // of the receive right, if it is in a space
  PortId transit_to = kNobody;  // if it is in a message towards that port
  int srights = 0;
  int sorights = 0;
  mach_port_mscount_t mscount = 0;
  mach_port_seqno_t seqno = 0;
  unsigned msgcount = 0;
  unsigned qlimit = MACH_PORT_QLIMIT_DEFAULT;
  std::optional<PortId> no_senders;      // request
  std::optional<PortId> port_destroyed;  // request
  SetId set = kNobody;
  std::optional<std::uint64_t> payload;
  std::deque<MessagePtr> queue;  // not while it is in a set
  std::vector<CallPtr> receivers;
  std::list<CallPtr> senders;
};

struct PortSet {
  SpaceId space = kNobody;
  std::deque<MessagePtr> queue;
  std::vector<CallPtr> receivers;
};

// ---------------------------------------------------------------- mach_msg

struct Arguments {
  mach_msg_option_t option = 0;
  mach_msg_size_t rcv_size = 0;
  Name rcv_name = 0;
  mach_msg_timeout_t timeout_ms = 0;
  Name notify = 0;
  Bytes message = {};
  bool unmapped = false;  // the buffer
};

struct Answer {
  mach_msg_return_t code = MACH_MSG_SUCCESS;
  std::uint32_t offset = 0;
  Bytes bytes = {};
};

enum class Wake { kNone, kRoom, kHandedOver, kTooLarge, kPortDied, kPortChanged, kTimedOut, kInterrupted };

struct Call {
  SpaceId space = kNobody;
  Arguments arguments;
  bool sending = false;
  MessagePtr message;     // to be sent; or handed over
  PortId port = kNobody;  // where it waits
  SetId set = kNobody;    // or there
  mach_msg_size_t too_large = 0;
  Wake wake = Wake::kNone;
  std::optional<std::uint64_t> deadline_ms;
  std::optional<Answer> answer;  // when it has ended
};

template <typename T>
struct Result {
  kern_return_t code = KERN_SUCCESS;
  T value{};
};

class Model {
 public:
  explicit Model(int spaces, Fault planted = Fault::kNone);

  // --- 05 §§2-5; `caller` gives and gets rights, `space` is the one whose names are meant ---
  Result<Name> allocate(SpaceId space, mach_port_right_t right);
  kern_return_t allocate_name(SpaceId space, mach_port_right_t right, Name name);
  kern_return_t destroy(SpaceId space, Name name);
  kern_return_t deallocate(SpaceId space, Name name);
  Result<mach_port_urefs_t> get_refs(SpaceId space, Name name, mach_port_right_t right) const;
  kern_return_t mod_refs(SpaceId space, Name name, mach_port_right_t right, std::int64_t delta);
  Result<mach_port_type_t> type(SpaceId space, Name name) const;
  std::vector<Name> names(SpaceId space) const;
  kern_return_t rename(SpaceId space, Name old_name, Name new_name);
  Result<mach_port_status_t> get_receive_status(SpaceId space, Name name) const;
  Result<std::vector<Name>> get_set_status(SpaceId space, Name name) const;
  kern_return_t set_qlimit(SpaceId space, Name name, unsigned qlimit);
  kern_return_t set_mscount(SpaceId space, Name name, mach_port_mscount_t mscount);
  kern_return_t set_seqno(SpaceId space, Name name, mach_port_seqno_t seqno);
  kern_return_t set_payload(SpaceId space, Name name, std::optional<std::uint64_t> payload);
  kern_return_t move_member(SpaceId space, Name member, Name after);
  kern_return_t insert_right(SpaceId caller, SpaceId space, Name name, Name poly, Disposition disposition);
  Result<std::pair<Name, Disposition>> extract_right(SpaceId caller, SpaceId space, Name name,
                                                     Disposition disposition);
  Result<Name> request_notification(SpaceId caller, SpaceId space, Name name, mach_msg_id_t id,
                                    mach_port_mscount_t sync, Name notify, Disposition disposition);
  void end_space(SpaceId space);
  bool is_dead(SpaceId space) const { return spaces_[index(space)].dead; }

  // --- 02 §9: a task's memory; a new region holds whole pages ---
  Address place_memory(SpaceId space, const Bytes& content, Address page_offset = 0);
  std::optional<Bytes> read_memory(SpaceId space, Address address, std::uint64_t length) const;

  // --- mach_msg: the answer is in the call when it has ended ---
  CallPtr start(SpaceId space, Arguments arguments);
  void interrupt(const CallPtr& call);
  // The time at which the next waiting call gives up; and that time's coming.
  std::optional<std::uint64_t> next_deadline_ms() const;
  std::uint64_t now_ms() const { return now_ms_; }
  void advance_to(std::uint64_t now_ms);

 private:
  static std::size_t index(int id) { return static_cast<std::size_t>(id); }
  Port& port(PortId id) { return ports_[index(id)]; }
  const Port& port(PortId id) const { return ports_[index(id)]; }
  PortSet& set(SetId id) { return sets_[index(id)]; }
  Space& space_of(SpaceId id) { return spaces_[index(id)]; }
  bool planted(Fault fault) const { return planted_ == fault; }

  // --- entries.cc ---
  const Entry& look_up(SpaceId space, Name name) const;
  Entry& at(SpaceId space, Name name) { return space_of(space).entries.at(name); }
  bool has_receive(SpaceId space, Name name) const;
  bool has_send(const Entry& entry) const;
  Name name_for(SpaceId space, PortId port) const;
  Name new_name(SpaceId space, Entry entry);
  Entry new_object(SpaceId space, mach_port_right_t right);
  Entry free_name(SpaceId space, Name name);
  void forget_forced(Entry& entry);
  void port_deleted(const Entry& freed, Name name);
  void drop_urefs(SpaceId space, Name name, unsigned count);
  void drop_last_send(SpaceId space, Name name);
  void drop_send_once(SpaceId space, Name name);
  void drop_receive(SpaceId space, Name name);
  void destroy_entry(SpaceId space, Name name);

  // --- destruction.cc ---
  void notify(PortId to, mach_msg_id_t id, std::uint32_t value = 0, PortId carried = kNobody);
  void send_right_gone(PortId id);
  void release(const Right& right);
  void detach_receiver(PortId id);
  bool leads_to(PortId from, PortId wanted) const;
  void destroy_receive_right(PortId id);
  bool send_to_backup(PortId id);
  void entries_die(PortId id);
  void dead_name_notifications(PortId id);
  void destroy_set(SetId id);
  void destroy_message(const MessagePtr& message);
  void take_apart(Message& message);
  void tell_accepted(Message& message);

  // --- copyin.cc ---
  struct Taken {
    bool ok = false;
    Right right = {};
    Name freed_name = MACH_PORT_NULL;
    std::optional<Request> deleted = {};  // the request of the freed name: port-deleted is due
  };
  Taken copyin(SpaceId space, Name name, Disposition disposition);
  Taken copyin_known(SpaceId space, Name name, Disposition disposition);
  bool permits(const Entry& entry, Disposition disposition, bool soft) const;
  void take_receive(SpaceId space, Name name, Taken& taken);
  void take_urefs(SpaceId space, Name name, unsigned count, Taken& taken);
  Right live_right(PortId id, Disposition disposition);
  void tell_deleted(const Taken& taken);
  struct HeaderTaken {
    mach_msg_return_t code = MACH_MSG_SUCCESS;
    Taken destination = {};
    Taken reply = {};
  };
  mach_msg_return_t copyin_header(SpaceId space, const Arguments& arguments, Message& message);
  HeaderTaken copyin_ports(SpaceId space, const mach_msg_header_t& header);
  HeaderTaken copyin_same_name(SpaceId space, Name name, Disposition destination, Disposition reply);
  mach_msg_return_t copyin_body(SpaceId space, Message& message);
  mach_msg_return_t copyin_items(SpaceId space, Message& message, bool& rights_or_memory);
  mach_msg_return_t copyin_item(SpaceId space, Message& message, const mach_msg_type_t& type,
                                std::size_t offset);
  mach_msg_return_t copyin_rights(SpaceId space, Message& message, const Bytes& names, std::size_t width,
                                  Disposition disposition);
  void deallocate_memory(SpaceId space, Address address, std::uint64_t length);

  // --- copyout.cc ---
  Name copyout(SpaceId space, const Right& right);
  Name copyout_send(SpaceId space, PortId id);
  Name copyout_receive(SpaceId space, PortId id);
  void write_items(SpaceId space, const Message& message, Bytes& bytes);
  Address copyout_memory(SpaceId space, const Item& item);
  Name consume_destination(SpaceId space, const Right& destination);
  Answer received(SpaceId space, const Arguments& arguments, const MessagePtr& message);
  Answer whole_message(SpaceId space, const Arguments& arguments, Message& message);
  Answer header_only(SpaceId space, mach_msg_return_t code, const Arguments& arguments, Message& message);
  Answer given_back(SpaceId space, mach_msg_return_t code, Message& message);

  // --- delivery.cc ---
  std::deque<MessagePtr>& queue_of(PortId id);
  std::vector<CallPtr>& receivers_of(PortId id);
  bool accept(const MessagePtr& message, bool forced);
  void enqueue(const MessagePtr& message);
  void stamp(Message& message);
  void picked_up(Message& message);
  void wake_senders(PortId id, unsigned count);
  void wake(const CallPtr& call, Wake why);
  void wake_receivers(std::vector<CallPtr>& receivers, Wake why);
  void stop_waiting(const CallPtr& call);
  void join_set(PortId id, SetId to);
  void leave_set(PortId id);
  void run();

  // --- mach_msg.cc ---
  void send(const CallPtr& call);
  void try_to_send(const CallPtr& call, bool last_time, bool first_time);
  void give_up_sending(const CallPtr& call);
  mach_msg_return_t register_accepted(SpaceId space, Name notify, const MessagePtr& message);
  void sent(const CallPtr& call);
  void receive(const CallPtr& call);
  void look_into_queue(const CallPtr& call, std::deque<MessagePtr>& queue, bool last_time);
  void too_large(const CallPtr& call, mach_msg_size_t size);
  void wait(const CallPtr& call, bool timed);
  void resume(const CallPtr& call);
  void resume_sending(const CallPtr& call, Wake why);
  void resume_receiving(const CallPtr& call, Wake why);
  void end(const CallPtr& call, Answer answer);
  void discard_calls(SpaceId space);

  // --- port_calls.cc ---
  void destroy_request(const Right& right);
  kern_return_t insert(SpaceId space, Name name, const Right& right);
  kern_return_t insert_known(SpaceId space, Name existing, Name name, const Right& right);
  Result<std::optional<PortId>> register_request(SpaceId space, Name name, mach_msg_id_t id,
                                                 mach_port_mscount_t sync, const Right& notify);
  Result<std::optional<PortId>> request_no_senders(PortId id, mach_port_mscount_t sync, const Right& notify);
  Result<std::optional<PortId>> request_dead_name(SpaceId space, Name name, mach_port_mscount_t sync,
                                                  const Right& notify);

  const Fault planted_;
  std::vector<Space> spaces_;
  std::deque<Port> ports_;    // never reused
  std::deque<PortSet> sets_;  // never reused
  int next_order_ = 0;
  std::uint64_t now_ms_ = 0;
  std::list<CallPtr> calls_;       // those that have not ended
  std::deque<CallPtr> runnable_;   // woken, and not run yet
  std::deque<MessagePtr> doomed_;  // 01 §12: to be taken apart
  bool taking_apart_ = false;
};

}  // namespace netmsg::model
