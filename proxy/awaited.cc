// SPDX-License-Identifier: Apache-2.0
#include "proxy/awaited.h"

#include <algorithm>

#include "proxy/hash.h"

namespace netmsg::proxy {

namespace {

constexpr int kPatience = 2;    // leases until a right is dead of which nobody says anything
constexpr int kEndurance = 12;  // leases until it is dead whatever they say: a peer could say WAIT for ever

}  // namespace

bool Awaited::add(const IntroductionId& id, const AwaitedRight& right, base::Instant now) {
  const Entry entry{right, now + lease_, now + kPatience * lease_, now + kEndurance * lease_};
  if (!rights_.emplace(id, entry).second) return false;
  ++by_[right.by];
  return true;
}

const AwaitedRight* Awaited::find(const IntroductionId& id) const {
  const auto found = rights_.find(id);
  return found == rights_.end() ? nullptr : &found->second.right;
}

std::optional<AwaitedRight> Awaited::take(const IntroductionId& id) {
  const auto found = rights_.find(id);
  if (found == rights_.end()) return std::nullopt;
  return erase(found);
}

std::optional<AwaitedRight> Awaited::take(const IntroductionId& id, const PortUid& port,
                                          ipc::RightType type) {
  const AwaitedRight* right = find(id);
  if (right == nullptr || right->port != port || right->type != type) return std::nullopt;
  return take(id);
}

AwaitedRight Awaited::erase(Entries::iterator at) {
  const AwaitedRight right = at->second.right;
  rights_.erase(at);
  const auto count = by_.find(right.by);
  if (--count->second == 0) by_.erase(count);
  return right;
}

void Awaited::ask_now(const Origin& about, base::Instant now) {
  for (auto& [id, entry] : rights_) {
    if (id.introducer == about || entry.right.hint == about) entry.ask = now;
  }
}

void Awaited::told_to_wait(const IntroductionId& id, base::Instant now) {
  const auto found = rights_.find(id);
  if (found == rights_.end()) return;
  found->second.until = std::min(now + kPatience * lease_, found->second.last);
}

std::vector<Awaited::Each> Awaited::take_questions(base::Instant now) {
  std::vector<Each> due;
  for (auto& [id, entry] : rights_) {
    if (now < entry.ask) continue;
    entry.ask = now + lease_;
    due.emplace_back(id, entry.right);
  }
  return due;
}

std::vector<Awaited::Each> Awaited::take_if(const std::function<bool(const Entry&)>& chosen) {
  std::vector<Each> taken;
  for (auto at = rights_.begin(); at != rights_.end();) {
    const auto here = at++;
    if (!chosen(here->second)) continue;
    const IntroductionId id = here->first;
    taken.emplace_back(id, erase(here));
  }
  return taken;
}

std::vector<Awaited::Each> Awaited::take_late(base::Instant now) {
  return take_if([now](const Entry& entry) { return entry.until <= now; });
}

std::vector<Awaited::Each> Awaited::take_older(const Origin& home) {
  return take_if([&](const Entry& entry) {
    return entry.right.hint.node == home.node && entry.right.hint.incarnation < home.incarnation;
  });
}

std::size_t Awaited::to(const PortUid& port) const {
  return static_cast<std::size_t>(std::count_if(
      rights_.begin(), rights_.end(), [&](const auto& each) { return each.second.right.port == port; }));
}

std::size_t Awaited::by(PeerIndex introducer) const {
  const auto found = by_.find(introducer);
  return found == by_.end() ? 0 : found->second;
}

std::optional<base::Instant> Awaited::next_deadline() const {
  std::optional<base::Instant> first;
  for (const auto& [id, entry] : rights_) {
    const base::Instant next = std::min(entry.ask, entry.until);
    first = std::min(first.value_or(next), next);
  }
  return first;
}

void Awaited::clear() {
  rights_.clear();
  by_.clear();
}

std::uint64_t Awaited::digest() const {
  std::uint64_t digest = rights_.size();
  for (const auto& [id, entry] : rights_) {
    digest = mix_in(mix_in(digest, digest_of(id.introducer)), id.nonce);
    digest = mix_in(mix_in(digest, digest_of(entry.right.port)), entry.right.slot);
  }
  return digest;
}

}  // namespace netmsg::proxy
