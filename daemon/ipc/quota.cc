// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/quota.h"

namespace netmsg::ipc {

Charge::Charge(Account& account, std::uint64_t bytes, std::uint32_t ports)
    : account_(&account), bytes_(bytes), ports_(ports) {
  account.bytes_ += bytes;
  account.ports_ += ports;
}

Charge::~Charge() {
  if (account_ == nullptr) return;
  account_->bytes_ -= bytes_;
  account_->ports_ -= ports_;
}

Charge Charge::bytes(Account& account, std::uint64_t amount) {
  if (account.overdrawn() || amount > account.limits_.bytes - account.bytes_) return {};
  return {account, amount, 0};
}

Charge Charge::port(Account& account) {
  if (account.ports_ >= account.limits_.ports) return {};
  return {account, 0, 1};
}

Charge Charge::owed(Account* account, std::uint64_t amount) {
  if (account == nullptr) return {};
  return {*account, amount, 0};
}

void Charge::grow(std::uint64_t amount) {
  if (account_ == nullptr) return;
  account_->bytes_ += amount;
  bytes_ += amount;
}

}  // namespace netmsg::ipc
