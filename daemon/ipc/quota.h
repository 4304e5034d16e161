// SPDX-License-Identifier: Apache-2.0
// Who pays for what a client or a peer makes the daemon hold (spec 09 §5). A Charge is born with the object
// it pays for and released with it; an account outlives all its charges.
#pragma once

#include <cstdint>
#include <utility>

namespace netmsg::ipc {

class Account {
 public:
  struct Limits {
    std::uint64_t bytes = 64ULL << 20;  // queued and buffered bytes
    std::uint32_t ports = 16384;
  };
  explicit Account(Limits limits) : limits_(limits) {}
  Account(const Account&) = delete;
  Account& operator=(const Account&) = delete;

  std::uint64_t bytes_used() const { return bytes_; }
  bool overdrawn() const { return bytes_ > limits_.bytes; }
  std::uint32_t ports_used() const { return ports_; }

 private:
  friend class Charge;
  Limits limits_;
  std::uint64_t bytes_ = 0;
  std::uint32_t ports_ = 0;
};

class Charge {
 public:
  Charge() = default;  // costs nobody anything: what the engine itself makes
  Charge(Charge&& other) noexcept
      : account_(std::exchange(other.account_, nullptr)), bytes_(other.bytes_), ports_(other.ports_) {}
  Charge& operator=(Charge&& other) noexcept {
    std::swap(account_, other.account_);
    std::swap(bytes_, other.bytes_);
    std::swap(ports_, other.ports_);
    return *this;
  }
  ~Charge();

  // An empty charge (operator bool is false) if the account cannot bear it.
  static Charge bytes(Account& account, std::uint64_t amount);
  static Charge port(Account& account);
  // Bytes that are there whether or not the account can bear them; null: nobody pays.
  static Charge owed(Account* account, std::uint64_t amount);
  // More for the same object, borne or not.
  void grow(std::uint64_t amount);

  Account* account() const { return account_; }

  explicit operator bool() const { return account_ != nullptr; }

 private:
  Charge(Account& account, std::uint64_t bytes, std::uint32_t ports);
  Account* account_ = nullptr;
  std::uint64_t bytes_ = 0;
  std::uint32_t ports_ = 0;
};

}  // namespace netmsg::ipc
