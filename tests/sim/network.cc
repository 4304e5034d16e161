// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/network.h"

#include <algorithm>
#include <tuple>

#include "proxy/hash.h"

namespace netmsg::sim {

using proxy::StreamId;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// Addresses are the names of hosts.
class Network::Wire final : public proxy::Transport {
 public:
  Wire(Network& network, HostIndex host) : network_(network), host_(host) {}

  std::string start(proxy::TransportEvents& events) override {
    events_ = &events;
    return {};
  }
  void stop() override { unplug(); }
  StreamId dial(const std::string&, const std::string& address) override {
    return network_.dial(host_, static_cast<HostIndex>(address[0] - 'a'));
  }
  void send(StreamId stream, std::string bytes) override {
    if (events_ != nullptr) network_.send(stream, std::move(bytes));
  }
  void tell_when_drained(StreamId stream) override {
    if (events_ != nullptr) network_.tell_when_drained(stream);
  }
  void close(StreamId stream) override {
    if (events_ != nullptr) network_.close(stream);
  }

  void unplug() { events_ = nullptr; }
  proxy::TransportEvents* events() const { return events_; }

 private:
  Network& network_;
  const HostIndex host_;
  proxy::TransportEvents* events_ = nullptr;
};

Network::Network(std::size_t hosts, Random& random, const Time& now, Story& story)
    : random_(random), now_(now), story_(story), wires_(hosts) {
  const Time speeds[] = {microseconds(100), milliseconds(1), milliseconds(10), milliseconds(80)};
  for (std::size_t each = 0; each < hosts * hosts; ++each)
    links_.push_back({speeds[random.below(4)], {}, {}});
}

Network::~Network() = default;

proxy::Transport& Network::attach(HostIndex host) {
  if (wires_[host]) dead_wires_.push_back(std::move(wires_[host]));
  wires_[host] = std::make_unique<Wire>(*this, host);
  return *wires_[host];
}

// What it had said already is on its way.
void Network::crash(HostIndex host, bool told) {
  wires_[host]->unplug();
  std::vector<StreamId> mine;
  for (const auto& [stream, end] : ends_) {
    if (end.host == host) mine.push_back(stream);
  }
  for (const StreamId stream : mine) {
    if (End* other = find(ends_.at(stream).other)) {
      if (told) post(*other, Kind::kClosed, "reset");
      other->broken = true;
      other->other = 0;
    }
    ends_.erase(stream);
  }
}

void Network::cut(HostIndex a, HostIndex b, News news) {
  const HostIndex first = random_.one_in(2) ? a : b;
  for (auto& [stream, end] : ends_) {
    const bool between = (end.host == a && end.far == b) || (end.host == b && end.far == a);
    if (!between || end.broken) continue;
    break_off(end, news == News::kBoth || (news == News::kOne && end.host == first));
  }
}

// The bytes that were nearest arrive.
void Network::break_off(End& end, bool tell) {
  end.coming.erase(end.coming.begin() + random_.below(end.coming.size() + 1), end.coming.end());
  if (tell) post(end, Kind::kClosed, "cut");
  end.broken = true;
}

void Network::stall(HostIndex from, HostIndex to, Time until) {
  link(from, to).stalled_until = std::max(link(from, to).stalled_until, until);
  for (auto& [stream, end] : ends_) {
    if (end.host != to || end.far != from) continue;
    for (Parcel& parcel : end.coming) parcel.at = std::max(parcel.at, until);
  }
}

void Network::hold_up(HostIndex from, Time by) {
  for (auto& [stream, end] : ends_) {
    if (end.far != from) continue;
    for (Parcel& parcel : end.coming) parcel.at += by;
  }
}

void Network::refuse(HostIndex a, HostIndex b, Time until) {
  link(a, b).refused_until = link(b, a).refused_until = until;
}

void Network::heal() {
  for (Link& each : links_) each.stalled_until = each.refused_until = Time(0);
  for (auto& [stream, end] : ends_) {
    for (Parcel& parcel : end.coming) parcel.at = std::min(parcel.at, now_ + milliseconds(100));
  }
}

StreamId Network::dial(HostIndex from, HostIndex to) {
  const StreamId mine = next_stream_++;
  End& near = ends_[mine] = {from, to, 0};
  const bool there = wires_[to] && wires_[to]->events() != nullptr;
  if (!there || link(from, to).refused_until > now_) {
    post(near, Kind::kClosed, "refused");
    near.broken = true;
    return mine;
  }
  const StreamId theirs = next_stream_++;
  near.other = theirs;
  End& far = ends_[theirs] = {to, from, mine};
  post(far, Kind::kAccepted, "");
  post(near, Kind::kConnected, "");
  return mine;
}

void Network::send(StreamId stream, std::string bytes) {
  End* mine = find(stream);
  if (mine == nullptr || mine->broken) return;
  story_.tell(mine->host, [&] { return "-> " + host_name(mine->far) + "  " + in_words(read_letter(bytes)); });
  if (End* other = find(mine->other)) post(*other, Kind::kReceived, std::move(bytes));
}

// A slow wire takes its time.
void Network::tell_when_drained(StreamId stream) {
  End* mine = find(stream);
  if (mine != nullptr && !mine->broken) post(*mine, Kind::kDrained, "");
}

void Network::close(StreamId stream) {
  const auto node = ends_.extract(stream);
  if (node.empty()) return;
  End* other = find(node.mapped().other);
  if (other == nullptr) return;
  if (!node.mapped().broken && !other->broken) post(*other, Kind::kClosed, "closed by the other end");
  other->broken = true;
  other->other = 0;
}

// Never before what was posted earlier.
void Network::post(End& end, Kind kind, std::string bytes) {
  const Link& way = link(end.far, end.host);
  Time at = std::max(now_ + random_.between(way.slowest / 4, way.slowest), way.stalled_until);
  if (!end.coming.empty()) at = std::max(at, end.coming.back().at);
  Letter letter = kind == Kind::kReceived ? read_letter(bytes) : Letter{};
  if (letter.fence && letter.fence->code() == v1::Fence::PROTOCOL) {
    story_.accuse("protocol", host_name(end.far) + " says that " + host_name(end.host) +
                                  " broke it: " + letter.fence->text());
  }
  end.coming.push_back({kind, at, std::move(bytes), std::move(letter)});
}

std::optional<Time> Network::next() const {
  std::optional<Time> first;
  for (const auto& [stream, end] : ends_) {
    if (end.coming.empty()) continue;
    const Time at = end.coming.front().at;
    if (!first || at < *first) first = at;
  }
  return first;
}

StreamId Network::first() const {
  const Time at = *next();
  const auto found = std::find_if(ends_.begin(), ends_.end(), [&](const auto& each) {
    return !each.second.coming.empty() && each.second.coming.front().at == at;
  });
  return found->first;
}

std::vector<StreamId> Network::coming() const {
  std::vector<std::tuple<HostIndex, HostIndex, StreamId>> found;
  for (const auto& [stream, end] : ends_) {
    if (!end.coming.empty()) found.emplace_back(end.host, end.far, stream);
  }
  std::sort(found.begin(), found.end());
  std::vector<StreamId> streams;
  for (const auto& each : found) streams.push_back(std::get<StreamId>(each));
  return streams;
}

HostIndex Network::deliver(StreamId stream) {
  const auto found = ends_.find(stream);
  const HostIndex host = found->second.host;
  const HostIndex far = found->second.far;
  const Parcel parcel = std::move(found->second.coming.front());
  found->second.coming.pop_front();
  if (parcel.kind == Kind::kClosed) ends_.erase(found);
  story_.tell(host, [&] {
    const char* kinds[] = {"connected", "accepted", "", "drained", "closed: "};
    const bool received = parcel.kind == Kind::kReceived;
    return "<- " + host_name(far) + "  " + kinds[static_cast<int>(parcel.kind)] +
           (received ? in_words(parcel.letter) : parcel.bytes);
  });
  if (proxy::TransportEvents* events = wires_[host]->events()) hand_over(*events, stream, parcel);
  return host;
}

void Network::hand_over(proxy::TransportEvents& events, StreamId stream, const Parcel& parcel) {
  switch (parcel.kind) {
    case Kind::kConnected:
      return events.connected(stream, {});
    case Kind::kAccepted:
      return events.accepted(stream, {});
    case Kind::kReceived:
      return events.received(stream, parcel.bytes);
    case Kind::kDrained:
      return events.drained(stream);
    case Kind::kClosed:
      return events.closed(stream, parcel.bytes);
  }
}

bool Network::quiet() const {
  return std::all_of(ends_.begin(), ends_.end(), [](const auto& each) {
    return std::all_of(each.second.coming.begin(), each.second.coming.end(), [](const Parcel& parcel) {
      return parcel.kind == Kind::kReceived && parcel.letter.frames.empty() && !parcel.letter.hello &&
             !parcel.letter.fence;
    });
  });
}

bool Network::connected(HostIndex a, HostIndex b) const {
  return std::any_of(ends_.begin(), ends_.end(), [&](const auto& each) {
    return each.second.host == a && each.second.far == b && !each.second.broken;
  });
}

std::uint64_t Network::kinds(StreamId stream) const {
  const Parcel& parcel = ends_.at(stream).coming.front();
  std::uint64_t bits = 1ULL << static_cast<unsigned>(parcel.kind);
  for (const v1::Frame& frame : parcel.letter.frames) bits |= 16ULL << frame.body_case();
  return bits;
}

std::uint64_t Network::digest() const {
  std::uint64_t digest = 0;
  for (const StreamId stream : coming()) {
    const End& end = ends_.at(stream);
    digest = proxy::mix_in(digest, end.host * wires_.size() + end.far);
    for (const Parcel& parcel : end.coming) {
      digest = proxy::mix_in(digest, static_cast<std::uint64_t>(parcel.kind));
      digest = proxy::mix_in(digest, std::hash<std::string>()(parcel.bytes));
    }
  }
  return digest;
}

Network::End* Network::find(StreamId stream) {
  const auto found = ends_.find(stream);
  return found == ends_.end() ? nullptr : &found->second;
}

}  // namespace netmsg::sim
