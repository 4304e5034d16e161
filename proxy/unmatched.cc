// SPDX-License-Identifier: Apache-2.0
#include "proxy/unmatched.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "proxy/hash.h"

namespace netmsg::proxy {

namespace {

template <typename Key>
std::size_t count_of(const std::map<Key, std::size_t>& counts, const Key& key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

template <typename Key>
void count_down(std::map<Key, std::size_t>& counts, const Key& key) {
  const auto found = counts.find(key);
  if (--found->second == 0) counts.erase(found);
}

}  // namespace

Unmatched::~Unmatched() {
  NETMSG_CHECK(units_.empty());
}

bool Unmatched::add(const IntroductionId& id, UnmatchedUnit& unit) {
  const PeerIndex home = unit.home;
  if (!units_.try_emplace(id, std::move(unit)).second) return false;
  ++by_introducer_[id.introducer];
  ++by_home_[home];
  return true;
}

std::optional<UnmatchedUnit> Unmatched::take(const IntroductionId& id) {
  const auto found = units_.find(id);
  if (found == units_.end()) return std::nullopt;
  return erase(found);
}

UnmatchedUnit Unmatched::erase(Units::iterator at) {
  count_down(by_introducer_, at->first.introducer);
  count_down(by_home_, at->second.home);
  return std::move(units_.extract(at).mapped());
}

std::vector<UnmatchedUnit> Unmatched::take_if(
    const std::function<bool(const IntroductionId&, const UnmatchedUnit&)>& chosen) {
  std::vector<UnmatchedUnit> taken;
  for (auto at = units_.begin(); at != units_.end();) {
    const auto here = at++;
    if (chosen(here->first, here->second)) taken.push_back(erase(here));
  }
  return taken;
}

std::vector<UnmatchedUnit> Unmatched::take_session(const Origin& introducer, std::uint64_t session) {
  return take_if([&](const IntroductionId& id, const UnmatchedUnit& unit) {
    return id.introducer == introducer && unit.session == session;
  });
}

std::vector<UnmatchedUnit> Unmatched::take_home(PeerIndex home) {
  return take_if([&](const IntroductionId&, const UnmatchedUnit& unit) { return unit.home == home; });
}

std::vector<UnmatchedUnit> Unmatched::take_late(base::Instant now) {
  return take_if([&](const IntroductionId&, const UnmatchedUnit& unit) { return unit.until <= now; });
}

std::vector<UnmatchedUnit> Unmatched::take_all() {
  return take_if([](const IntroductionId&, const UnmatchedUnit&) { return true; });
}

std::size_t Unmatched::of_introducer(const Origin& introducer) const {
  return count_of(by_introducer_, introducer);
}

std::size_t Unmatched::from_home(PeerIndex home) const {
  return count_of(by_home_, home);
}

std::optional<base::Instant> Unmatched::next_deadline() const {
  std::optional<base::Instant> first;
  for (const auto& [id, unit] : units_) first = std::min(first.value_or(unit.until), unit.until);
  return first;
}

void Unmatched::for_each(const std::function<void(const UnmatchedUnit&)>& visit) const {
  for (const auto& [id, unit] : units_) visit(unit);
}

std::uint64_t Unmatched::digest() const {
  std::uint64_t digest = units_.size();
  for (const auto& [id, unit] : units_) {
    digest = mix_in(mix_in(digest, digest_of(id.introducer)), id.nonce);
    digest = mix_in(mix_in(digest, digest_of(unit.port)), static_cast<std::uint64_t>(unit.right.type()));
  }
  return digest;
}

}  // namespace netmsg::proxy
