// SPDX-License-Identifier: Apache-2.0
#include "proxy/forced.h"

#include <utility>

#include "proxy/hash.h"

namespace netmsg::proxy {

void Forced::sent(const Sent& message, RegistryPin pin, std::unique_ptr<ipc::AcceptedRequest> request,
                  ipc::Receipt receipt, ipc::Charge charge) {
  there_[message.port].emplace(
      message.number, Outstanding{std::move(pin), std::move(request), std::move(receipt), std::move(charge)});
}

void Forced::accepted(const Sent& message) {
  const auto requests = there_.find(message.port);
  if (requests == there_.end()) return;
  const auto dropped = requests->second.extract(message.number);
  if (requests->second.empty()) there_.erase(requests);
}

void Forced::drop_all() {
  const auto dropped = std::exchange(there_, {});
}

void Forced::for_each_right(const std::function<void(const ipc::Port&)>& visit) const {
  for (const auto& [port, requests] : there_) {
    for (const auto& [number, outstanding] : requests) {
      if (!outstanding.request) continue;
      if (const auto& notify = outstanding.request->notify()) visit(*notify.port());
    }
  }
}

std::optional<Forced::Sent> Forced::left(std::uint64_t receipt) {
  const auto node = here_.extract(receipt);
  if (node.empty()) return std::nullopt;
  return node.mapped();
}

std::uint64_t Forced::digest() const {
  std::uint64_t digest = mix_in(there_.size(), here_.size());
  for (const auto& [port, requests] : there_) {
    for (const auto& [number, request] : requests) digest = mix_in(mix_in(digest, digest_of(port)), number);
  }
  for (const auto& [receipt, message] : here_)
    digest = mix_in(mix_in(digest, digest_of(message.port)), message.number);
  return digest;
}

}  // namespace netmsg::proxy
