// SPDX-License-Identifier: Apache-2.0
// The engine in this process, without anything around it; or several, one for each task and one between them
// (engine_hosts.h). Time is a clock that stands still until somebody waits.
#pragma once

#include <array>
#include <map>
#include <memory>

#include "daemon/ipc/engine.h"
#include "tests/conformance/backend.h"

namespace netmsg::conformance {

class EngineBackend final : public Backend {
 public:
  // `hosts`: 1 to 3. `check`: all invariants of all engines and proxies are checked after every operation.
  EngineBackend(unsigned hosts, bool check);
  ~EngineBackend() override;

  bool has_several_hosts() const override { return hosts_ > 1; }
  void begin_case() override;
  void end_case() override;
  PortAnswer port_call(const PortCall& call) override;
  SpaceView look(SpaceId space) override;
  Name unused_name(SpaceId space) override;
  Address place_memory(SpaceId space, const Bytes& content) override;
  std::optional<Bytes> read_memory(SpaceId space, Address address, std::size_t size) override;
  void start(Thread thread, MsgArguments arguments) override;
  std::optional<MsgAnswer> result(Thread thread) override;
  std::optional<MsgAnswer> wait(Thread thread) override;
  void abort(Thread thread) override;
  void sleep(std::uint32_t milliseconds) override;
  void terminate(SpaceId space) override;
  void settle() override;

 private:
  struct World;

  const unsigned hosts_;
  const bool check_;
  std::unique_ptr<World> world_;  // of the case
};

}  // namespace netmsg::conformance
