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
  const Asker asker = asker_of(id, unit);
  if (!units_.try_emplace({id, home}, std::move(unit)).second) return false;
  ++by_asker_[asker];
  ++by_home_[home];
  return true;
}

std::optional<UnmatchedUnit> Unmatched::take(const IntroductionId& id, const PortUid& port,
                                             ipc::RightType type) {
  for (auto at = units_.lower_bound({id, 0}); at != units_.end() && at->first.first == id; ++at) {
    if (at->second.port == port && at->second.right.type() == type) return erase(at);
  }
  return std::nullopt;
}

UnmatchedUnit Unmatched::erase(Units::iterator at) {
  count_down(by_asker_, asker_of(at->first.first, at->second));
  count_down(by_home_, at->second.home);
  return std::move(units_.extract(at).mapped());
}

std::vector<UnmatchedUnit> Unmatched::take_if(
    const std::function<bool(const IntroductionId&, const UnmatchedUnit&)>& chosen) {
  std::vector<UnmatchedUnit> taken;
  for (auto at = units_.begin(); at != units_.end();) {
    const auto here = at++;
    if (chosen(here->first.first, here->second)) taken.push_back(erase(here));
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

std::size_t Unmatched::asked_by(const Origin& asker, bool for_others, PeerIndex home) const {
  return count_of(by_asker_, Asker{asker, for_others, home});
}

std::size_t Unmatched::from_home(PeerIndex home) const {
  return count_of(by_home_, home);
}

std::optional<base::Instant> Unmatched::next_deadline() const {
  std::optional<base::Instant> first;
  for (const auto& [key, unit] : units_) first = std::min(first.value_or(unit.until), unit.until);
  return first;
}

void Unmatched::for_each(const std::function<void(const UnmatchedUnit&)>& visit) const {
  for (const auto& [key, unit] : units_) visit(unit);
}

std::uint64_t Unmatched::digest() const {
  std::uint64_t digest = units_.size();
  for (const auto& [key, unit] : units_) {
    digest = mix_in(mix_in(digest, digest_of(key.first.introducer)), key.first.nonce);
    digest = mix_in(digest, unit.home);
    digest = mix_in(mix_in(digest, digest_of(unit.port)), static_cast<std::uint64_t>(unit.right.type()));
  }
  return digest;
}

}  // namespace netmsg::proxy
