// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/proxy/memory_network.h"

#include <algorithm>
#include <utility>

namespace netmsg::test {

using proxy::PeerIdentity;
using proxy::StreamId;

// What waits to happen at one host.
struct MemoryNetwork::Happening {
  enum class Kind { kConnected, kAccepted, kReceived, kDrained, kClosed };
  Kind kind;
  StreamId stream;
  std::string bytes;  // or the reason
  PeerIdentity identity = {};
};

class MemoryNetwork::Host final : public proxy::Transport {
 public:
  Host(MemoryNetwork& network, std::string address) : name(std::move(address)), network_(network) {}

  struct Other {
    Host* host;
    StreamId stream;
  };

  std::string start(proxy::TransportEvents& events) override {
    events_ = &events;
    return {};
  }

  void stop() override {
    while (!streams.empty()) close(streams.begin()->first);
    events_ = nullptr;
    happenings.clear();
  }

  StreamId dial(const std::string&, const std::string& address) override {
    const StreamId mine = network_.next_stream_++;
    Host* other = network_.find(address);
    if (network_.silent_) return mine;
    if (other == nullptr || other->events_ == nullptr || network_.refuses(*this, *other)) {
      happenings.push_back({Happening::Kind::kClosed, mine, "refused"});
      return mine;
    }
    const StreamId theirs = network_.next_stream_++;
    streams[mine] = {other, theirs};
    other->streams[theirs] = {this, mine};
    happenings.push_back({Happening::Kind::kConnected, mine, {}, other->identity});
    other->happenings.push_back({Happening::Kind::kAccepted, theirs, {}, identity});
    return mine;
  }

  void send(StreamId stream, std::string bytes) override {
    sent += bytes;
    const auto found = streams.find(stream);
    if (found == streams.end() || network_.silent_) return;
    found->second.host->happenings.push_back(
        {Happening::Kind::kReceived, found->second.stream, std::move(bytes)});
  }

  void tell_when_drained(StreamId stream) override {
    if (streams.count(stream) != 0) happenings.push_back({Happening::Kind::kDrained, stream, {}});
  }

  void close(StreamId stream) override {
    const auto node = streams.extract(stream);
    std::erase_if(happenings, [&](const Happening& each) { return each.stream == stream; });
    if (node.empty()) return;
    const Other other = node.mapped();
    if (network_.silent_ || other.host->streams.erase(other.stream) == 0) return;
    other.host->happenings.push_back({Happening::Kind::kClosed, other.stream, "closed by the other end"});
  }

  bool step() {
    if (happenings.empty() || network_.silent_ || events_ == nullptr) return false;
    const Happening now = std::move(happenings.front());
    happenings.pop_front();
    switch (now.kind) {
      case Happening::Kind::kConnected:
        events_->connected(now.stream, now.identity);
        break;
      case Happening::Kind::kAccepted:
        events_->accepted(now.stream, now.identity);
        break;
      case Happening::Kind::kReceived:
        events_->received(now.stream, now.bytes);
        break;
      case Happening::Kind::kDrained:
        events_->drained(now.stream);
        break;
      case Happening::Kind::kClosed:
        events_->closed(now.stream, now.bytes);
        break;
    }
    return true;
  }

  // Null: with everybody.
  void break_streams(const Host* with, bool lose) {
    for (auto at = streams.begin(); at != streams.end();) {
      const auto [stream, other] = *at;
      if (with != nullptr && other.host != with) {
        ++at;
        continue;
      }
      at = streams.erase(at);
      if (lose) std::erase_if(happenings, [stream](const Happening& each) { return each.stream == stream; });
      happenings.push_back({Happening::Kind::kClosed, stream, "cut"});
    }
  }

  const std::string name;
  std::map<StreamId, Other> streams;
  std::deque<Happening> happenings;
  PeerIdentity identity;
  std::string sent;

 private:
  MemoryNetwork& network_;
  proxy::TransportEvents* events_ = nullptr;
};

MemoryNetwork::MemoryNetwork() = default;
MemoryNetwork::~MemoryNetwork() = default;

MemoryNetwork::Host* MemoryNetwork::find(const std::string& address) const {
  const auto found = hosts_.find(address);
  return found == hosts_.end() ? nullptr : found->second.get();
}

proxy::Transport& MemoryNetwork::host(const std::string& address) {
  auto& host = hosts_[address];
  if (!host) host = std::make_unique<Host>(*this, address);
  return *host;
}

void MemoryNetwork::certify(const std::string& address, const PeerIdentity& identity) {
  host(address);
  find(address)->identity = identity;
}

bool MemoryNetwork::step(const std::string& at) {
  for (const auto& [address, host] : hosts_) {
    if ((at.empty() || at == address) && host->step()) return true;
  }
  return false;
}

void MemoryNetwork::run(const std::string& at) {
  while (step(at)) {
  }
}

void MemoryNetwork::sort_by_stream(const std::string& to) {
  std::deque<Happening>& coming = find(to)->happenings;
  std::stable_sort(coming.begin(), coming.end(),
                   [](const Happening& one, const Happening& other) { return one.stream < other.stream; });
}

std::size_t MemoryNetwork::under_way(const std::string& to) const {
  std::size_t bytes = 0;
  for (const Happening& each : find(to)->happenings) bytes += each.bytes.size();
  return bytes;
}

void MemoryNetwork::cut(bool lose) {
  for (const auto& [address, host] : hosts_) host->break_streams(nullptr, lose);
}

void MemoryNetwork::cut(const std::string& one, const std::string& other, bool lose) {
  find(one)->break_streams(find(other), lose);
  find(other)->break_streams(find(one), lose);
}

void MemoryNetwork::refuse_dials(const std::string& one, const std::string& other, bool on) {
  for (const auto& pair : {std::pair(one, other), std::pair(other, one)}) {
    on ? (void)refused_.insert(pair) : (void)refused_.erase(pair);
  }
}

bool MemoryNetwork::refuses(const Host& dialer, const Host& dialed) const {
  return refusing_ || refused_.count({dialer.name, dialed.name}) != 0;
}

const std::string& MemoryNetwork::sent_by(const std::string& address) const {
  return find(address)->sent;
}

std::size_t MemoryNetwork::streams() const {
  std::size_t ends = 0;
  for (const auto& [address, host] : hosts_) ends += host->streams.size();
  return ends / 2;
}

}  // namespace netmsg::test
