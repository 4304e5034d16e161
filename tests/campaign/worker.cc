// SPDX-License-Identifier: Apache-2.0
// A client under whose load a campaign kills and cuts. It opens streams of numbered messages to workers on all
// hosts, with rights of all kinds in them, and writes down what it sent, what arrived and what was answered, until
// it is killed. usage: worker JOURNAL LIFE SLOT SEED RIGHTS HOST...: RIGHTS is "own", "introduced" (rights that came
// from others are passed on, so to third hosts too), "moved" (receive rights travel), or "all".
//
//   what it makes                        how it learns what became of it
//   the send-once reply of each message  the answer, or a send-once notification: `owed` counts those to come
//   tokens: send-once rights in a body   likewise
//   gifts: send rights for a new port    no-senders, once, and then never a message any more: `gifts`
//   travellers: ports with a stream of   whoever has the receive right receives and answers
//   their maker's, whose receive right
//   goes from worker to worker
#include <mach.h>
#include <mach/notify.h>
#include <servers/netname.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/campaign/journal.h"
#include "tests/support/mach_message.h"

namespace netmsg::campaign {
namespace {

using test::Bytes;
using test::Name;
using test::Outgoing;

constexpr unsigned kCopySend = MACH_MSG_TYPE_COPY_SEND;
constexpr unsigned kMoveOnce = MACH_MSG_TYPE_MOVE_SEND_ONCE;
constexpr std::size_t kStreamsMax = 6;
constexpr std::size_t kHeldMax = 200;
constexpr std::size_t kGiftsMax = 50;
constexpr unsigned kTokensMax = 3;
constexpr unsigned kBurstMessages = 3;  // for each stream
// Each costs its makers and its holders three calls. Programs with a sanitizer take several times as long for one, and
// what must be at rest in time would be the load itself.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned kBurstTokens = 200;
#else
constexpr unsigned kBurstTokens = 2000;
#endif
constexpr unsigned kRestMs = 300;  // nothing is done meanwhile, so that the hosts can settle
constexpr std::size_t kMessageMax = 64U << 10;
constexpr auto kAfterlife = std::chrono::milliseconds(200);  // how long a gift without senders is watched

enum Id : mach_msg_id_t { kData = 1, kAnswer, kPing, kPong };

struct Stream {
  std::uint32_t number;
  Name port;
  bool to_traveller = false;
  std::uint32_t host = 0;  // of its port, if that does not travel
  std::uint32_t next = 0;
};

// What a message brings beside its number and its reply right.
struct Extras {
  unsigned tokens = 0;
  Name gift = MACH_PORT_NULL;
  Name passed_on = MACH_PORT_NULL;  // a right of somebody else's, maybe on a third host
  Name traveller = MACH_PORT_NULL;  // a receive right
};

class Worker {
 public:
  Worker(Journal& journal, std::uint32_t life, const char* slot, unsigned seed, const std::string& rights,
         std::vector<std::string> hosts)
      : journal_(journal),
        shared_(journal.shared()),
        life_(life),
        random_(seed),
        passes_on_(rights == "introduced" || rights == "all"),
        travels_(rights == "moved" || rights == "all"),
        hosts_(std::move(hosts)) {
    must(mach_port_allocate(self_, MACH_PORT_RIGHT_PORT_SET, &all_), "a port set");
    port_ = new_port();
    reply_ = new_port();
    notify_ = new_port();
    while (netname_check_in(name_server_port, slot, self_, port_) != NETNAME_SUCCESS) {
    }
  }

  [[noreturn]] void live() {
    for (;;) {
      receive_all(shared_.mode == Mode::kWork || !at_rest() ? 1 : kRestMs);
      if (shared_.mode == Mode::kWork && !journal_.full()) {
        work();
      } else {
        while (!held_.empty()) drop(0);
      }
      bury_gifts();
      tell();
    }
  }

 private:
  // --- trouble ---

  [[noreturn]] void trouble(const std::string& what) {
    std::snprintf(shared_.trouble, sizeof shared_.trouble, "%s", what.c_str());
    std::fprintf(stderr, "worker %u: %s\n", life_, what.c_str());
    std::exit(1);
  }
  void must(kern_return_t code, const char* what) {
    if (code != KERN_SUCCESS) trouble(std::string(what) + ": " + mach_error_string(code));
  }

  unsigned roll(unsigned sides) { return static_cast<unsigned>(random_() % sides); }

  Name new_port() {
    Name name = MACH_PORT_NULL;
    must(mach_port_allocate(self_, MACH_PORT_RIGHT_RECEIVE, &name), "a port");
    must(mach_port_set_qlimit(self_, name, MACH_PORT_QLIMIT_MAX), "a queue limit");
    must(mach_port_move_member(self_, name, all_), "a member");
    return name;
  }

  void tell() {
    shared_.held = static_cast<std::uint32_t>(held_.size());
    shared_.gifts = static_cast<std::uint32_t>(gifts_.size());
    shared_.owed = owed_;
    ++shared_.rounds;
  }

  // --- what it does ---

  void work() {
    if (shared_.bursts_made != shared_.bursts_wanted) return burst();
    switch (roll(12)) {
      case 0:
        return open_stream();
      case 1:
        return drop(roll(static_cast<unsigned>(kHeldMax)));
      case 4:
        if (travels_) return travellers_.empty() ? make_traveller() : send_traveller();
        return open_stream();
      case 2:
      case 3:
        return use();
      default:
        return send_next(Extras{roll(4) == 0 ? roll(kTokensMax + 1) : 0, MACH_PORT_NULL}, roll(6) == 0);
    }
  }

  void open_stream() {
    if (streams_.size() >= kStreamsMax) return;
    const unsigned host = roll(static_cast<unsigned>(hosts_.size()));
    const unsigned slot = roll(kSlots);
    Name port = MACH_PORT_NULL;
    const kern_return_t code = netname_look_up(name_server_port, hosts_[host].c_str(),
                                               ("worker " + std::to_string(slot)).c_str(), &port);
    if (code != NETNAME_SUCCESS || port == port_ || is_streams(port)) return give_back(port);
    if (!watch(port)) return give_back(port);
    streams_.push_back({.number = ++streams_opened_, .port = port, .host = host});
    journal_.write(Event::kOpened, life_, streams_opened_, host * kSlots + slot);
  }

  bool watch(Name port) {
    Name previous = MACH_PORT_NULL;
    return mach_port_request_notification(self_, port, MACH_NOTIFY_DEAD_NAME, 1, notify_,
                                          MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous) == KERN_SUCCESS;
  }

  bool is_streams(Name port) const {
    for (const Stream& stream : streams_) {
      if (stream.port == port) return true;
    }
    return false;
  }

  void give_back(Name name) {
    if (MACH_PORT_VALID(name)) mach_port_deallocate(self_, name);
  }

  void send_next(Extras extras, bool with_gift) {
    if (streams_.empty()) return;
    Stream& stream = streams_[roll(static_cast<unsigned>(streams_.size()))];
    if (with_gift && gifts_.size() < kGiftsMax) extras.gift = new_gift();
    if (passes_on_ && !held_.empty() && roll(3) == 0)
      extras.passed_on = held_[roll(static_cast<unsigned>(held_.size()))];
    send(stream, extras, roll(4) * roll(8));
  }

  void make_traveller() {
    if (streams_.size() >= kStreamsMax) return;
    const Name port = new_port();
    must(mach_port_insert_right(self_, port, port, MACH_MSG_TYPE_MAKE_SEND), "a send right");
    if (!watch(port)) trouble("no notification of a traveller's death");
    travellers_.insert(port);
    streams_.push_back({.number = ++streams_opened_, .port = port, .to_traveller = true});
    journal_.write(Event::kOpened, life_, streams_opened_, kTraveller);
  }

  // Not to another traveller: two in each other's queues are a circle, and die.
  void send_traveller() {
    if (streams_.empty()) return;
    Stream& stream = streams_[roll(static_cast<unsigned>(streams_.size()))];
    if (!stream.to_traveller) send(stream, {.traveller = *travellers_.begin()}, roll(8));
  }

  void burst() {
    ++shared_.bursts_made;
    for (Stream& stream : streams_) {
      for (unsigned i = 0; i < kBurstMessages && send(stream, {kBurstTokens, MACH_PORT_NULL}, 0); ++i) {
      }
    }
  }

  Name new_gift() {
    const Name gift = new_port();
    Name previous = MACH_PORT_NULL;
    must(mach_port_request_notification(self_, gift, MACH_NOTIFY_NO_SENDERS, 1, gift,
                                        MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous),
         "a request");
    gifts_.insert(gift);
    return gift;
  }

  Bytes data(const Stream& stream, const Extras& extras) {
    Outgoing message = {.remote = stream.port,
                        .remote_type = kCopySend,
                        .local = reply_,
                        .local_type = MACH_MSG_TYPE_MAKE_SEND_ONCE,
                        .id = kData,
                        .items = {test::numbers({life_, stream.number, stream.next, 0})}};
    if (extras.tokens > 0) {
      test::Item tokens = test::rights(MACH_MSG_TYPE_MAKE_SEND_ONCE, {});
      tokens.values.assign(extras.tokens, reply_);
      tokens.descriptor.msgt_number = extras.tokens;
      message.items.push_back(tokens);
    }
    if (extras.gift != MACH_PORT_NULL) {
      message.items.push_back(test::rights(MACH_MSG_TYPE_MAKE_SEND, {extras.gift}));
    }
    if (extras.passed_on != MACH_PORT_NULL) {
      const unsigned type = is_once(extras.passed_on) ? kMoveOnce : MACH_MSG_TYPE_MOVE_SEND;
      message.items.push_back(test::rights(type, {extras.passed_on}));
    }
    if (extras.traveller != MACH_PORT_NULL) {
      message.items.push_back(test::rights(MACH_MSG_TYPE_MOVE_RECEIVE, {extras.traveller}));
    }
    return message.encode();
  }

  // Whether it went out. A message that comes back is destroyed with its rights, so these are owed all the same.
  bool send(Stream& stream, const Extras& extras, unsigned timeout_ms) {
    Bytes bytes = data(stream, extras);
    auto* head = reinterpret_cast<mach_msg_header_t*>(bytes.data());
    journal_.write(Event::kTried, life_, stream.number, stream.next);
    const mach_msg_return_t code = mach_msg(head, MACH_SEND_MSG | MACH_SEND_TIMEOUT,
                                            static_cast<mach_msg_size_t>(bytes.size()), 0, 0, timeout_ms, 0);
    switch (code) {
      case MACH_MSG_SUCCESS:
        owed_ += 1 + extras.tokens;
        let_go(extras.passed_on);
        travellers_.erase(extras.traveller);
        journal_.write(Event::kSent, life_, stream.number, stream.next++);
        return true;
      case MACH_SEND_TIMED_OUT:
        owed_ += 1 + extras.tokens;
        let_go(extras.passed_on);
        give_back(head->msgh_local_port);
        if (travellers_.erase(extras.traveller) != 0) take_back_traveller(bytes);
        mach_msg_destroy(head);
        return false;
      case MACH_SEND_INVALID_DEST:  // nothing was taken; the notification of its death is there or comes
      case MACH_SEND_NO_BUFFER:     // nothing was taken: the peer has too many rights of ours
        if (extras.gift != MACH_PORT_NULL) forget_gift(extras.gift);
        return false;
      default:
        trouble(std::string("a send: ") + mach_error_string(code));
    }
  }

  // Out of a message that has come back, whose last item it is: the rest is about to be destroyed.
  void take_back_traveller(Bytes& bytes) {
    adopt(test::values_of(bytes).back());
    std::fill_n(bytes.end() - sizeof(std::uint64_t), sizeof(std::uint64_t), std::byte{0});
  }

  mach_port_type_t type_of(Name name) {
    mach_port_type_t type = 0;
    must(mach_port_type(self_, name, &type), "a type");
    return type;
  }
  bool is_once(Name name) { return (type_of(name) & MACH_PORT_TYPE_SEND_ONCE) != 0; }

  // A message to a right that somebody has given us. (A dead one is no destination.)
  void use() {
    if (held_.empty()) return;
    const std::size_t at = roll(static_cast<unsigned>(held_.size()));
    const Name name = held_[at];
    const bool once = is_once(name);
    Bytes bytes =
        Outgoing{.remote = name, .remote_type = once ? kMoveOnce : kCopySend, .id = once ? kPong : kPing}
            .encode();
    auto* head = reinterpret_cast<mach_msg_header_t*>(bytes.data());
    const mach_msg_return_t code = mach_msg(head, MACH_SEND_MSG | MACH_SEND_TIMEOUT,
                                            static_cast<mach_msg_size_t>(bytes.size()), 0, 0, 0, 0);
    if (code == MACH_MSG_SUCCESS && once) held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(at));
    if (code == MACH_SEND_TIMED_OUT) mach_msg_destroy(head);
    if (code == MACH_SEND_INVALID_DEST) drop(at);
  }

  // The message has taken it.
  void let_go(Name name) {
    const auto found = std::find(held_.begin(), held_.end(), name);
    if (found != held_.end()) held_.erase(found);
  }

  void drop(std::size_t at) {
    if (at >= held_.size()) return;
    give_back(held_[at]);
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  // --- what comes ---

  bool at_rest() const { return held_.empty() && owed_ == 0 && gifts_.empty() && buried_.empty(); }

  void receive_all(unsigned patience_ms) {
    for (;;) {
      buffer_.resize(kMessageMax);
      auto* head = reinterpret_cast<mach_msg_header_t*>(buffer_.data());
      const mach_msg_return_t code =
          mach_msg(head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, static_cast<mach_msg_size_t>(buffer_.size()),
                   all_, patience_ms, 0);
      if (code == MACH_RCV_TIMED_OUT) return;
      must(code, "a receive");
      buffer_.resize(head->msgh_size);
      take(*head, test::values_of(buffer_));
      patience_ms = 0;
    }
  }

  void take(const mach_msg_header_t& head, const std::vector<std::uint32_t>& values) {
    const Name at = head.msgh_local_port;
    if (at == reply_) return take_reply(head, values);
    if (at == notify_) return take_death(head, values);
    if (gifts_.count(at) != 0) return take_at_gift(head);
    const bool streams_come_here = at == port_ || travellers_.count(at) != 0;
    if (streams_come_here && head.msgh_id == kData) return take_data(head, values);
    if (streams_come_here && head.msgh_id == kPing) return;
    if (buried_.count(at) != 0) trouble("a message at a port that has no senders any more");
    trouble("a message with id " + std::to_string(head.msgh_id) + " where none of it is expected");
  }

  void take_data(const mach_msg_header_t& head, const std::vector<std::uint32_t>& values) {
    if (values.size() < 4) trouble("a message that is too short");
    if (!journal_.full()) journal_.write(Event::kReceived, values[0], values[1], values[2]);
    answer(head.msgh_remote_port, values[1], values[2]);
    for (std::size_t i = 4; i < values.size(); ++i) hold(values[i]);
  }

  void adopt(Name traveller) {
    travellers_.insert(traveller);
    must(mach_port_move_member(self_, traveller, all_), "a member");
  }

  void hold(Name name) {
    if (!MACH_PORT_VALID(name)) return;
    const bool came_home = name == port_ || gifts_.count(name) != 0;  // a send right that others had
    if (!came_home && (type_of(name) & MACH_PORT_TYPE_RECEIVE) != 0) return adopt(name);
    held_.push_back(name);
    if (held_.size() > kHeldMax) drop(0);
  }

  void answer(Name to, std::uint32_t stream, std::uint32_t number) {
    if (!MACH_PORT_VALID(to)) return;
    Bytes bytes =
        Outgoing{
            .remote = to, .remote_type = kMoveOnce, .id = kAnswer, .items = {test::numbers({stream, number})}}
            .encode();
    const mach_msg_return_t code = mach_msg(reinterpret_cast<mach_msg_header_t*>(bytes.data()), MACH_SEND_MSG,
                                            static_cast<mach_msg_size_t>(bytes.size()), 0, 0, 0, 0);
    if (code == MACH_SEND_INVALID_DEST) return give_back(to);
    must(code, "an answer");
  }

  void take_reply(const mach_msg_header_t& head, const std::vector<std::uint32_t>& values) {
    if (owed_ == 0) trouble("more came of send-once rights than were made");
    --owed_;
    if (head.msgh_id == kAnswer) {
      if (!journal_.full()) journal_.write(Event::kAnswered, life_, values.at(0), values.at(1));
    } else if (head.msgh_id != MACH_NOTIFY_SEND_ONCE && head.msgh_id != kPong) {
      trouble("message " + std::to_string(head.msgh_id) + " to a reply right");
    }
  }

  void take_death(const mach_msg_header_t& head, const std::vector<std::uint32_t>& values) {
    if (head.msgh_id != MACH_NOTIFY_DEAD_NAME) return;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      if (streams_[i].port != values.at(0)) continue;
      journal_.write(Event::kLost, life_, streams_[i].number, 0);
      streams_[i].to_traveller ? give_back(streams_[i].port) : remember(streams_[i]);
      streams_.erase(streams_.begin() + static_cast<std::ptrdiff_t>(i));
      break;
    }
    give_back(values.at(0));  // the notification's own reference
  }

  // Its dead name stays until others have died.
  void remember(const Stream& stream) {
    DeadName& place = shared_.dead[deaths_++ % kDeadNames];
    give_back(place.name.exchange(stream.port));
    place.host = stream.host;
  }

  void take_at_gift(const mach_msg_header_t& head) {
    if (head.msgh_id != MACH_NOTIFY_NO_SENDERS) return;
    gifts_.erase(head.msgh_local_port);
    buried_[head.msgh_local_port] = Clock::now() + kAfterlife;
  }

  void forget_gift(Name gift) {
    gifts_.erase(gift);
    mach_port_destroy(self_, gift);
  }

  void bury_gifts() {
    for (auto it = buried_.begin(); it != buried_.end();) {
      if (it->second > Clock::now()) {
        ++it;
        continue;
      }
      mach_port_destroy(self_, it->first);
      it = buried_.erase(it);
    }
  }

  Journal& journal_;
  Shared& shared_;
  const std::uint32_t life_;
  std::mt19937 random_;
  const bool passes_on_;
  const bool travels_;
  const std::vector<std::string> hosts_;
  const mach_port_t self_ = mach_task_self();
  Name all_ = MACH_PORT_NULL;     // everything is received from this set
  Name port_ = MACH_PORT_NULL;    // where streams arrive
  Name reply_ = MACH_PORT_NULL;   // what is owed arrives here
  Name notify_ = MACH_PORT_NULL;  // deaths of streams
  std::uint32_t streams_opened_ = 0;
  std::uint32_t owed_ = 0;
  std::uint32_t deaths_ = 0;
  std::vector<Stream> streams_;
  std::deque<Name> held_;
  std::set<Name> gifts_;
  std::set<Name> travellers_;  // whose receive rights are here
  std::map<Name, Clock::time_point> buried_;
  Bytes buffer_;
};

}  // namespace
}  // namespace netmsg::campaign

int main(int argc, char** argv) {
  if (argc < 7) return 2;
  // A daemon that is stopped, or is being started, does not answer.
  if (mach_reply_port() == MACH_PORT_NULL) ::execv("/proc/self/exe", argv);
  netmsg::campaign::Journal journal(argv[1]);
  netmsg::campaign::Worker(journal, static_cast<std::uint32_t>(std::atoi(argv[2])), argv[3],
                           static_cast<unsigned>(std::strtoul(argv[4], nullptr, 10)), argv[5],
                           {argv + 6, argv + argc})
      .live();
}
