// SPDX-License-Identifier: Apache-2.0
// The wires of a simulated world: streams between hosts on which bytes arrive in order, late, or not any more. Between
// two streams there is no order. It delivers one parcel at a time, the earliest; all delays come from the seed.
//
//   an end of a stream   event                     next
//   open                 stall()                   open: what is under way, and what follows, comes later
//   open                 the other end closes      its last parcel is kClosed
//   open                 cut()                     broken: a part of what is under way arrives, then kClosed if it is told
//   broken               anything is sent          lost
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/transport.h"
#include "tests/sim/random.h"
#include "tests/sim/story.h"

namespace netmsg::sim {

class Network {
 public:
  Network(std::size_t hosts, Random& random, const Time& now, Story& story);
  ~Network();

  // The wire of a host that has just started; what was there before is forgotten.
  proxy::Transport& attach(HostIndex host);
  // The host is no more: nothing it says or has not said yet leaves it. `told`: its machine still answers, so that the
  // others learn it; else they have to find out.
  void crash(HostIndex host, bool told);

  // --- faults ---
  // All streams between the two break. What is told to whom: nobody, one, or both.
  enum class News { kNobody, kOne, kBoth };
  void cut(HostIndex a, HostIndex b, News news);
  // Nothing from `from` reaches `to` before that time; then all of it does.
  void stall(HostIndex from, HostIndex to, Time until);
  // What `from` has said on the streams that there are now, and will say on them, comes that much later; new streams
  // overtake them.
  void hold_up(HostIndex from, Time by);
  // Dials between the two fail until then.
  void refuse(HostIndex a, HostIndex b, Time until);
  // No fault is left; what is broken stays so.
  void heal();

  // --- events ---
  std::optional<Time> next() const;
  // The stream whose parcel that is. REQUIRES: there is one.
  proxy::StreamId first() const;
  // All streams with parcels, by hosts.
  std::vector<proxy::StreamId> coming() const;
  // Of the front parcel of a stream: between whom, and which frames it brings.
  HostIndex sender(proxy::StreamId stream) const { return ends_.at(stream).far; }
  HostIndex receiver(proxy::StreamId stream) const { return ends_.at(stream).host; }
  const std::vector<v1::Frame>& frames(proxy::StreamId stream) const {
    return ends_.at(stream).coming.front().letter.frames;
  }
  // Lets the front parcel of a stream arrive. Returns where.
  HostIndex deliver(proxy::StreamId stream);

  // --- looking in ---
  // Is there a stream between the two that is not broken?
  bool connected(HostIndex a, HostIndex b) const;
  // Parcels under way to anybody, but for bare acknowledgements.
  bool quiet() const;
  // Which kinds of frames the front parcel of a stream brings, as bits; 0: none.
  std::uint64_t kinds(proxy::StreamId stream) const;
  // Of all that is under way: equal for equal parcels on equal streams, whatever their times.
  std::uint64_t digest() const;

 private:
  class Wire;
  enum class Kind { kConnected, kAccepted, kReceived, kDrained, kClosed };
  struct Parcel {
    Kind kind;
    Time at;
    std::string bytes;  // or the reason
    Letter letter = {};
  };
  struct End {
    HostIndex host;
    HostIndex far;
    proxy::StreamId other;
    bool broken = false;
    std::deque<Parcel> coming = {};
  };
  struct Link {  // of one direction
    Time slowest;
    Time stalled_until{0};
    Time refused_until{0};
  };

  proxy::StreamId dial(HostIndex from, HostIndex to);
  void send(proxy::StreamId stream, std::string bytes);
  void tell_when_drained(proxy::StreamId stream);
  void close(proxy::StreamId stream);
  void post(End& end, Kind kind, std::string bytes);
  void break_off(End& end, bool tell);
  void hand_over(proxy::TransportEvents& events, proxy::StreamId stream, const Parcel& parcel);
  Link& link(HostIndex from, HostIndex to) { return links_[from * wires_.size() + to]; }
  End* find(proxy::StreamId stream);

  Random& random_;
  const Time& now_;
  Story& story_;
  std::vector<std::unique_ptr<Wire>> wires_;
  std::vector<std::unique_ptr<Wire>> dead_wires_;  // their proxies may still talk to them while they end
  std::vector<Link> links_;
  std::map<proxy::StreamId, End> ends_;
  proxy::StreamId next_stream_ = 1;
};

}  // namespace netmsg::sim
