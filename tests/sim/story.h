// SPDX-License-Identifier: Apache-2.0
// What happened, for people: one line for each event, frames in words (--trace). And the judge: the first violation
// of an invariant ends a world.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "netmsg/v1/peer.pb.h"
#include "tests/sim/random.h"

namespace netmsg::sim {

using HostIndex = unsigned;

// One message of a stream, taken apart.
struct Letter {
  bool hello = false;
  std::vector<v1::Frame> frames;
  std::uint64_t applied = 0;
  std::optional<v1::Fence> fence;
};
Letter read_letter(const std::string& bytes);

// "Hello", "#3 Message to 5 (send) id 1004 reply mine 7 (once)" ...: mine is the sender's, yours the receiver's.
std::string in_words(const v1::Frame& frame);
std::string in_words(const Letter& letter);
std::string host_name(HostIndex host);

class Story {
 public:
  Story(const Time& now, bool aloud) : now_(now), aloud_(aloud) {}

  bool aloud() const { return aloud_; }
  // The words are made only when somebody listens.
  template <typename Words>
  void tell(HostIndex host, Words words) {
    if (aloud_) say(host, words());
  }

  // `invariant`: "I2" ...
  void accuse(const std::string& invariant, const std::string& what);
  const std::optional<std::string>& verdict() const { return verdict_; }

 private:
  void say(HostIndex host, const std::string& words) const;

  const Time& now_;
  const bool aloud_;
  std::optional<std::string> verdict_;
};

}  // namespace netmsg::sim
