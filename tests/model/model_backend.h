// SPDX-License-Identifier: Apache-2.0
// The model as something that a trace is replayed on, or recorded from.
#pragma once

#include <map>
#include <memory>

#include "tests/conformance/backend.h"
#include "tests/model/model.h"

namespace netmsg::model {

class ModelBackend final : public conformance::Backend {
 public:
  explicit ModelBackend(Fault planted = Fault::kNone) : planted_(planted) {}

  bool has_several_hosts() const override { return false; }
  void begin_case() override;
  void end_case() override;
  conformance::PortAnswer port_call(const conformance::PortCall& call) override;
  conformance::SpaceView look(conformance::SpaceId space) override;
  conformance::Address place_memory(conformance::SpaceId space, const Bytes& content) override;
  std::optional<Bytes> read_memory(conformance::SpaceId space, conformance::Address address,
                                   std::size_t size) override;
  Name unused_name(conformance::SpaceId space) override;
  void start(conformance::Thread thread, conformance::MsgArguments arguments) override;
  std::optional<conformance::MsgAnswer> result(conformance::Thread thread) override;
  std::optional<conformance::MsgAnswer> wait(conformance::Thread thread) override;
  void abort(conformance::Thread thread) override;
  void sleep(std::uint32_t milliseconds) override;
  void terminate(conformance::SpaceId space) override;
  void settle() override {}

 private:
  using ThreadKey = std::pair<conformance::SpaceId, bool>;

  const Fault planted_;
  std::unique_ptr<Model> model_;        // of the case
  std::map<ThreadKey, CallPtr> calls_;  // the latest of each thread, until its result is fetched
  Name next_unused_ = 0;
};

}  // namespace netmsg::model
