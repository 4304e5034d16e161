// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/client.h"

#include <mach/notify.h>

#include <algorithm>
#include <span>

#include "daemon/ipc/mach_port.h"
#include "daemon/ipc/space.h"

namespace netmsg::sim {

namespace {

std::string words(const Offer& offer) {
  const std::string one = std::to_string(offer.name) + "/" + std::to_string(offer.disposition);
  return offer.array == 0 ? one : one + " x " + std::to_string(offer.array);
}

test::Item item_of(const Offer& offer) {
  if (offer.array == 0) return test::rights(offer.disposition, {offer.name});
  return test::array(offer.disposition, std::vector<Name>(offer.array, offer.name));
}

// What stands out of line in a message is this.
test::Bytes memory_of(std::uint32_t message, std::size_t size) {
  test::Bytes bytes(size);
  for (std::size_t at = 0; at < size; ++at) bytes[at] = static_cast<std::byte>(message + at);
  return bytes;
}

test::Bytes bytes_of(const ipc::MemoryRef& memory) {
  test::Bytes bytes(memory.length());
  if (!memory.read(0, bytes)) bytes.clear();  // which nobody sent
  return bytes;
}

std::vector<Name> names_of(const ipc::MemoryRef& memory) {
  std::vector<Name> names(memory.length() / sizeof(Name));
  if (!memory.read(0, std::as_writable_bytes(std::span(names)))) names.clear();
  return names;
}

// The message came back with its rights under their names.
bool was_sent(mach_msg_return_t code) {
  return code == MACH_MSG_SUCCESS || code == MACH_SEND_WILL_NOTIFY;
}

bool came_back(mach_msg_return_t code) {
  return code == MACH_SEND_TIMED_OUT || code == MACH_SEND_INTERRUPTED || code == MACH_SEND_INVALID_NOTIFY ||
         code == MACH_SEND_NOTIFY_IN_PROGRESS || code == MACH_SEND_NO_NOTIFY;
}

// These promise that nothing has changed.
bool consumed_nothing(mach_msg_return_t code) {
  return code == MACH_SEND_INVALID_DEST || code == MACH_SEND_INVALID_REPLY ||
         code == MACH_SEND_INVALID_HEADER || code == MACH_SEND_NO_BUFFER;
}

std::vector<std::uint32_t> rights_of(const std::vector<std::uint32_t>& values, std::size_t count) {
  return {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(std::min(count, values.size()))};
}

}  // namespace

Client::Client(Surroundings& around, ClientId id, const std::string& label, ipc::Account& account)
    : around_(around), id_(id), space_(&around.engine().create_space(label, account, *this)) {}

Client::~Client() {
  around_.engine().destroy_space(*space_);
}

PortId Client::port_of(Name name) {
  ipc::Entry* entry = space_->find(name);
  ipc::Port* port = entry == nullptr ? nullptr : entry->port();
  return port == nullptr ? 0 : around_.identify(*port);
}

std::vector<Held> Client::held() {
  std::vector<Held> all;
  space_->for_each([&](Name name, ipc::Entry& entry) {
    if (name == ipc::kTaskSelfName) return;
    const PortId port = entry.port() == nullptr ? 0 : around_.identify(*entry.port());
    const HostIndex home = port == 0 ? around_.host() : around_.ledger().port(port).home;
    all.push_back({name, entry.state(), entry.urefs, port, home});
  });
  return all;
}

Name Client::allocate(unsigned limit) {
  const ipc::Kern<Name> name = ipc::mach_port::allocate(*space_, MACH_PORT_RIGHT_RECEIVE);
  if (!name.ok()) return 0;
  ipc::mach_port::set_qlimit(*space_, name.value(), limit);
  around_.story().tell(around_.host(), [&] {
    return "client " + std::to_string(id_) + " makes port " + std::to_string(name.value()) + " limit " +
           std::to_string(limit);
  });
  PortFacts& facts = around_.ledger().port(port_of(name.value()));
  facts.limit_max = limit;
  facts.born = true;
  around_.coverage().event(Deed::kAllocate);
  return name.value();
}

void Client::deallocate(Name name) {
  around_.story().tell(around_.host(), [&] {
    return "client " + std::to_string(id_) + " gives up one reference of " + std::to_string(name);
  });
  around_.coverage().event(Deed::kDeallocate);
  ipc::mach_port::deallocate(*space_, name);
}

void Client::destroy(Name name) {
  around_.story().tell(around_.host(),
                       [&] { return "client " + std::to_string(id_) + " destroys " + std::to_string(name); });
  around_.coverage().event(Deed::kDestroy);
  ipc::mach_port::destroy(*space_, name);
}

void Client::set_limit(Name name, unsigned limit) {
  around_.story().tell(around_.host(), [&] {
    return "client " + std::to_string(id_) + " sets the limit of " + std::to_string(name) + " to " +
           std::to_string(limit);
  });
  unsigned& most = around_.ledger().port(port_of(name)).limit_max;
  most = std::max(most, limit);
  around_.coverage().event(Deed::kSetLimit);
  ipc::mach_port::set_qlimit(*space_, name, limit);
}

// A request that fails has consumed the right that it was to be answered by.
bool Client::request(Name name, mach_msg_id_t id, Name notify) {
  around_.story().tell(around_.host(), [&] {
    return "client " + std::to_string(id_) + " asks for " + std::to_string(id) + " of " +
           std::to_string(name) + " at " + std::to_string(notify);
  });
  around_.coverage().event(Deed::kRequest, static_cast<std::uint64_t>(id));
  PortFacts& answer = around_.ledger().port(port_of(notify));
  const auto previous = ipc::mach_port::request_notification(*space_, *space_, name, id, 0, notify,
                                                             MACH_MSG_TYPE_MAKE_SEND_ONCE);
  if (!previous.ok()) {
    answer.once_unsure = true;
    return false;
  }
  ++answer.once_born;
  return true;
}

void Client::watch_senders(Name name, Name notify) {
  Ledger& ledger = around_.ledger();
  const PortId answer = port_of(notify);
  if (ledger.port(answer).watch) return;
  const PortId of = port_of(name);
  if (request(name, MACH_NOTIFY_NO_SENDERS, notify)) ledger.watch(of, answer);
}

void Client::watch_death(Name name, Name notify) {
  request(name, MACH_NOTIFY_DEAD_NAME, notify);
}

void Client::inherit(Name name, Name notify) {
  const PortId of = port_of(name);
  if (request(name, MACH_NOTIFY_PORT_DESTROYED, notify)) around_.ledger().inherited(of, port_of(notify));
}

void Client::hand_on(Name name, mach_msg_type_name_t disposition, Client& to) {
  const auto there = ipc::mach_port::extract_right(*to.space_, *space_, name, disposition);
  const auto belief = beliefs_.find(name);
  if (!there.ok() || belief == beliefs_.end()) return;
  to.believe(there.value().first, belief->second);
  if (space_->find(name) == nullptr) beliefs_.erase(belief);
}

// The facts are taken before the call: afterwards names may be gone.
std::uint32_t Client::announce(Offer to, Offer reply, const std::vector<Offer>& body, std::size_t memory,
                               Sending& sending) {
  MessageFacts facts{id_, around_.host(), port_of(to.name), port_of(reply.name), {}, memory};
  const auto offer = [&](const Offer& each, PortId port) {
    const bool once = each.disposition == MACH_MSG_TYPE_MAKE_SEND_ONCE;
    if (once) sending.once.insert(sending.once.end(), std::max(1U, each.array), port);
    if (each.disposition == MACH_MSG_TYPE_MOVE_RECEIVE && port != 0) around_.ledger().moves(port);
  };
  offer(reply, facts.reply);
  for (const Offer& each : body) {
    facts.body.push_back({port_of(each.name), each.array, each.disposition == MACH_MSG_TYPE_MOVE_RECEIVE});
    offer(each, facts.body.back().port);
  }
  return around_.ledger().begin(std::move(facts));
}

void Client::send(Offer to, Offer reply, const std::vector<Offer>& body, const Manner& manner) {
  if (port_of(to.name) == 0) return;
  const Name notify = manner.notify;
  Sending sending{};
  if (notify != 0) sending.told = port_of(notify);
  sending.message = announce(to, reply, body, manner.memory, sending);
  around_.story().tell(around_.host(), [&] {
    std::string line = "client " + std::to_string(id_) + " sends " + std::to_string(sending.message) +
                       " to " + words(to) + " reply " + words(reply);
    for (const Offer& each : body) line += " [" + words(each) + "]";
    return notify == 0 ? line : line + " or forces it in and is told at " + std::to_string(notify);
  });
  test::Outgoing message{.remote = to.name,
                         .remote_type = to.disposition,
                         .local = reply.name,
                         .local_type = reply.disposition,
                         .id = static_cast<mach_msg_id_t>(sending.message)};
  for (const Offer& each : body) message.items.push_back(item_of(each));
  if (manner.memory != 0) message.items.push_back(test::memory(memory_of(sending.message, manner.memory)));
  message.items.push_back(test::numbers({static_cast<std::uint32_t>(body.size())}));
  message.items.back().values.resize(1 + manner.payload / 4);
  message.items.back().descriptor.msgt_number = static_cast<unsigned>(1 + manner.payload / 4) & 0xfff;
  ipc::MsgArgs args;
  args.option = MACH_SEND_MSG | MACH_SEND_TIMEOUT;
  if (notify != 0) args.option |= MACH_SEND_NOTIFY;
  args.notify = notify;
  args.timeout_ms = manner.timeout_ms;
  args.message = message.encode();
  for (test::Item& each : message.items) {
    if (!each.memory.empty()) args.memory.push_back(ipc::MemoryRef::of(std::move(each.memory)));
  }
  const ipc::OpToken token = next_token_++;
  const std::uint64_t before = around_.digest();
  around_.engine().mach_msg(*space_, token, std::move(args));
  auto done = results_.extract(token);
  around_.coverage().event(Deed::kSend,
                           done.empty() ? 1 : static_cast<std::uint32_t>(done.mapped().code) + 2ULL);
  if (done.empty()) {
    begun(sending);
    pending_.emplace(token, std::move(sending));
    return;
  }
  const mach_msg_return_t code = done.mapped().code;
  if (consumed_nothing(code) && around_.digest() != before) {
    around_.story().accuse("I14",
                           "a send that failed with code " + std::to_string(code) + " has changed a table");
  }
  if (was_sent(code) || came_back(code)) {
    begun(sending);
  } else if (!consumed_nothing(code)) {
    for (const PortId port : sending.once) around_.ledger().port(port).once_unsure = true;
  }
  ended(sending, code);
}

void Client::begun(const Sending& sending) {
  for (const PortId port : sending.once) ++around_.ledger().port(port).once_born;
}

void Client::ended(const Sending& sending, mach_msg_return_t code) {
  around_.story().tell(around_.host(), [&] {
    return "client " + std::to_string(id_) + " has sent " + std::to_string(sending.message) + ": code " +
           std::to_string(code);
  });
  if (code == MACH_SEND_WILL_NOTIFY) {
    around_.ledger().forced(sending.message, sending.told);
  }
  if (was_sent(code)) {
    around_.ledger().accepted(sending.message);
  } else {
    around_.ledger().failed(sending.message);
  }
}

void Client::interrupt() {
  around_.coverage().event(Deed::kInterrupt);
  while (!pending_.empty()) around_.engine().cancel(*space_, pending_.begin()->first);
}

void Client::complete(ipc::OpToken token, ipc::MsgResult&& result) {
  const auto waited = pending_.extract(token);
  if (waited.empty()) {
    results_.emplace(token, std::move(result));
  } else {
    ended(waited.mapped(), result.code);
  }
}

bool Client::receive(Name name) {
  ipc::MsgArgs args;
  args.option = MACH_RCV_MSG | MACH_RCV_TIMEOUT;
  args.rcv_name = name;
  args.rcv_size = 1U << 20;
  const ipc::OpToken token = next_token_++;
  around_.engine().mach_msg(*space_, token, std::move(args));
  auto done = results_.extract(token);
  if (done.empty() || done.mapped().code != MACH_MSG_SUCCESS) return false;
  hear(done.mapped());
  return true;
}

void Client::hear(const ipc::MsgResult& result) {
  const mach_msg_header_t header = test::header_of(result.bytes);
  const std::vector<std::uint32_t> values = test::values_of(result.bytes);
  around_.story().tell(around_.host(), [&] {
    std::string line = "client " + std::to_string(id_) + " receives " + std::to_string(header.msgh_id) +
                       " from " + std::to_string(header.msgh_local_port) + " reply " +
                       std::to_string(header.msgh_remote_port);
    for (const std::uint32_t value : rights_of(values, 4)) line += " [" + std::to_string(value) + "]";
    return line;
  });
  const PortId at = port_of(header.msgh_local_port);
  PortFacts& facts = around_.ledger().port(at);
  if (MACH_MSGH_BITS_LOCAL(header.msgh_bits) == MACH_MSG_TYPE_PORT_SEND_ONCE) {
    ++facts.once_heard;
    if (facts.once_heard > facts.once_born && !facts.once_unsure && facts.born) {
      around_.story().accuse("I8", "a port has heard more than it has made send-once rights");
    }
  } else if (around_.ledger().silent(at)) {
    around_.story().accuse("I4", "a port without senders gets a message");
  }
  const auto id = static_cast<std::uint32_t>(header.msgh_id);
  around_.coverage().event(Deed::kReceive, around_.ledger().knows(id) ? 0 : id);
  if (!around_.ledger().knows(id)) return hear_notification(header, values);
  compare(id, around_.ledger().received(id, at), result);
}

void Client::hear_notification(const mach_msg_header_t& header, const std::vector<std::uint32_t>& values) {
  if (header.msgh_id == MACH_NOTIFY_MSG_ACCEPTED)
    around_.ledger().left_queue(port_of(header.msgh_local_port));
  if (header.msgh_id == MACH_NOTIFY_NO_SENDERS && !values.empty()) {
    hear_no_senders(port_of(header.msgh_local_port), values[0]);
  }
}

// Nobody has made a send right since it fired: then there is none, and never will be. What a port hears that is a new one to
// the ledger may have been asked for before.
void Client::hear_no_senders(PortId notify, std::uint32_t count) {
  PortFacts& answer = around_.ledger().port(notify);
  const std::optional<Watch> watch = std::exchange(answer.watch, std::nullopt);
  if (!watch || !answer.born || around_.ledger().dead(watch->of)) return;
  PortFacts& facts = around_.ledger().port(watch->of);
  if (facts.port->mscount != count || facts.moves != watch->moves || facts.restless) return;
  facts.silent_at = count;
  if (facts.port->srights() != 0) around_.story().accuse("I3", "no-senders, and there is a send right");
}

void Client::compare(std::uint32_t id, const MessageFacts& sent, const ipc::MsgResult& result) {
  const std::vector<std::uint32_t> values = test::values_of(result.bytes);
  compare(sent, sent.reply, test::header_of(result.bytes).msgh_remote_port);
  auto value = values.begin();
  auto region = result.regions.begin();
  for (const MessageFacts::Rights& rights : sent.body) {
    const std::vector<Name> names =
        rights.array == 0 ? std::vector<Name>{*value} : names_of(region++->memory);
    ++value;
    for (const Name name : names) compare(sent, rights.port, name);
  }
  if (sent.memory != 0 && bytes_of(region->memory) != memory_of(id, sent.memory))
    around_.story().accuse("S5", "memory arrives as other memory");
}

void Client::compare(const MessageFacts& sent, PortId meant, Name got) {
  if (got == MACH_PORT_NULL || got == MACH_PORT_DEAD) {
    if (meant == 0 || may_have_died(meant, sent)) return;
    return around_.story().accuse("I10", "a right arrives dead, its port lives and no session was lost");
  }
  const PortId is = port_of(got);
  if (is != 0) believe(got, {is, sent.begun});
  if (is == meant || (is == 0 && may_have_died(meant, sent))) return;
  if (is != 0 && !around_.ledger().port(is).born) return;
  around_.story().accuse("I10", "a right arrives as another port");
}

// Did a fence touch the way of this right since it was sent, or does somebody on it not talk to another one? The message
// may have gone by all homes of its destination; by anybody, if it comes from a port that the ledger has lost sight of.
bool Client::may_have_died(PortId port, const MessageFacts& sent) const {
  const Ledger& ledger = around_.ledger();
  if (ledger.dead(port) || ledger.under_way(port)) return true;
  std::uint32_t way = bit(sent.from) | bit(around_.host()) | around_.ledger().port(port).homes;
  if (sent.to != 0) way |= around_.ledger().port(sent.to).homes;
  if (sent.to != 0 && (ledger.dead(sent.to) || ledger.under_way(sent.to))) way = ~0U;
  return ledger.fenced_since(sent.begun, way) || ledger.forsaken_since(sent.begun, sent.from, port) ||
         ledger.lost_since(sent.begun, way) || ledger.apart_since(sent.begun, way) ||
         ledger.has_strangers(way);
}

// The news of a fence that has taken a right on its way may come after the right itself. Of several rights under one name
// the one that was begun first counts.
void Client::believe(Name name, const Belief& belief) {
  const auto [at, fresh] = beliefs_.try_emplace(name, belief);
  if (fresh) return;
  Belief& known = at->second;
  if (known.port != belief.port) {
    known = belief;
  } else {
    known.since = std::min(known.since, belief.since);
  }
}

void Client::check() {
  Ledger& ledger = around_.ledger();
  for (const Held& each : held()) {
    if (each.port != 0) {
      believe(each.name, {each.port, ledger.clock()});
      continue;
    }
    const auto believed = beliefs_.extract(each.name);
    if (believed.empty() || each.state != ipc::EntryState::kDead || ledger.dead(believed.mapped().port) ||
        ledger.under_way(believed.mapped().port))
      continue;
    const auto [port, then] = believed.mapped();
    const std::uint32_t way = bit(around_.host()) | ledger.port(port).homes;
    if (ledger.fenced_since(then, way) || ledger.forsaken_since(then, around_.host(), port) ||
        ledger.apart_since(then, way) || ledger.has_strangers(way))
      continue;
    around_.story().accuse("I10", "the name " + std::to_string(each.name) + " of client " +
                                      std::to_string(id_) +
                                      " is dead, its port lives and no session was lost");
  }
}

}  // namespace netmsg::sim
