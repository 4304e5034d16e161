// SPDX-License-Identifier: Apache-2.0
#include "tests/model/model_backend.h"

#include <utility>

namespace netmsg::model {

namespace {

using conformance::PortAnswer;
using conformance::PortCall;
using conformance::Verb;

// Above all names that the model picks in either space.
constexpr Name kFirstUnusedName = 0x0100'0000;

SpaceId id_of(conformance::SpaceId space) {
  return static_cast<SpaceId>(space);
}

PortAnswer answer_name(const Result<Name>& result) {
  return {.code = result.code, .name = result.value};
}

PortAnswer answer_number(const Result<std::uint32_t>& result) {
  return {.code = result.code, .number = result.value};
}

PortAnswer answer_names(const Result<std::vector<Name>>& result) {
  return {.code = result.code, .names = result.value};
}

// As a request message a right that the caller lacks is refused as one of the message (05 §5).
PortAnswer insert(Model& model, SpaceId caller, SpaceId target, const PortCall& call) {
  kern_return_t code = model.insert_right(caller, target, call.name, call.poly, call.poly_type);
  const bool refused = code == KERN_INVALID_NAME || code == KERN_INVALID_RIGHT;
  if (call.verb == Verb::kInsert && refused) code = MACH_SEND_INVALID_RIGHT;
  return {.code = code};
}

PortAnswer extract(Model& model, SpaceId caller, SpaceId target, const PortCall& call) {
  const auto result = model.extract_right(caller, target, call.name, call.poly_type);
  return {.code = result.code, .name = result.value.first, .type = result.value.second};
}

// 05 §5.
PortAnswer carry_out_across(Model& model, SpaceId caller, SpaceId target, const PortCall& call) {
  switch (call.verb) {
    case Verb::kRequestNotification:
      return answer_name(model.request_notification(caller, target, call.name, call.variant,
                                                    static_cast<std::uint32_t>(call.amount), call.poly,
                                                    call.poly_type));
    case Verb::kInsert:
    case Verb::kTrapInsert:
      return insert(model, caller, target, call);
    default:
      return extract(model, caller, target, call);
  }
}

// 05 §4.
PortAnswer carry_out_receive(Model& model, SpaceId caller, SpaceId target, const PortCall& call) {
  const auto amount = static_cast<std::uint32_t>(call.amount);
  switch (call.verb) {
    case Verb::kSetQlimit:
      return {.code = model.set_qlimit(target, call.name, amount)};
    case Verb::kSetMscount:
      return {.code = model.set_mscount(target, call.name, amount)};
    case Verb::kSetSeqno:
      return {.code = model.set_seqno(target, call.name, amount)};
    case Verb::kSetPayload:
      return {.code = model.set_payload(target, call.name, static_cast<std::uint64_t>(call.amount))};
    case Verb::kClearPayload:
      return {.code = model.set_payload(target, call.name, std::nullopt)};
    case Verb::kGetStatus:
      return {.code = model.get_receive_status(target, call.name).code};
    case Verb::kGetSetStatus:
      return answer_names(model.get_set_status(target, call.name));
    case Verb::kMoveMember:
      return {.code = model.move_member(target, call.name, call.other)};
    default:
      return carry_out_across(model, caller, target, call);
  }
}

// 05 §2, §3.
PortAnswer carry_out(Model& model, SpaceId caller, SpaceId target, const PortCall& call) {
  switch (call.verb) {
    case Verb::kAlloc:
    case Verb::kTrapAlloc:
      return answer_name(model.allocate(target, call.right));
    case Verb::kReplyPort:
      return answer_name(model.allocate(caller, MACH_PORT_RIGHT_RECEIVE));
    case Verb::kAllocName:
    case Verb::kTrapAllocName:
      return {.code = model.allocate_name(target, call.right, call.name)};
    case Verb::kDealloc:
    case Verb::kTrapDealloc:
      return {.code = model.deallocate(target, call.name)};
    case Verb::kDestroy:
      return {.code = model.destroy(target, call.name)};
    case Verb::kModRefs:
      return {.code = model.mod_refs(target, call.name, call.right, call.amount)};
    case Verb::kGetRefs:
      return answer_number(model.get_refs(target, call.name, call.right));
    case Verb::kType:
      return answer_number(model.type(target, call.name));
    case Verb::kNames:
      return {.names = model.names(target)};
    case Verb::kRename:
      return {.code = model.rename(target, call.name, call.other)};
    default:
      return carry_out_receive(model, caller, target, call);
  }
}

}  // namespace

void ModelBackend::begin_case() {
  model_ = std::make_unique<Model>(2, planted_);
  next_unused_ = kFirstUnusedName;
}

void ModelBackend::end_case() {
  calls_.clear();
  model_.reset();
}

PortAnswer ModelBackend::port_call(const PortCall& call) {
  const SpaceId caller = id_of(call.caller);
  const SpaceId target = id_of(call.target);
  if (model_->is_dead(caller) || model_->is_dead(target)) return {.code = MACH_SEND_INVALID_DEST};
  return carry_out(*model_, caller, target, call);
}

conformance::SpaceView ModelBackend::look(conformance::SpaceId space) {
  const SpaceId id = id_of(space);
  conformance::SpaceView view;
  for (const Name name : model_->names(id)) {
    conformance::NameState& state = view[name];
    state.type = model_->type(id, name).value;
    for (mach_port_right_t right = 0; right < state.refs.size(); ++right) {
      state.refs[right] = model_->get_refs(id, name, right).value;
    }
    state.status = model_->get_receive_status(id, name).value;
  }
  return view;
}

conformance::Address ModelBackend::place_memory(conformance::SpaceId space, const Bytes& content) {
  return model_->place_memory(id_of(space), content);
}

std::optional<Bytes> ModelBackend::read_memory(conformance::SpaceId space, conformance::Address address,
                                               std::size_t size) {
  return model_->read_memory(id_of(space), address, size);
}

Name ModelBackend::unused_name(conformance::SpaceId) {
  return next_unused_++;
}

void ModelBackend::start(conformance::Thread thread, conformance::MsgArguments arguments) {
  calls_[{thread.space, thread.second}] =
      model_->start(id_of(thread.space), {.option = arguments.option,
                                          .rcv_size = arguments.rcv_size,
                                          .rcv_name = arguments.rcv_name,
                                          .timeout_ms = arguments.timeout_ms,
                                          .notify = arguments.notify,
                                          .message = std::move(arguments.message),
                                          .unmapped = arguments.unmapped});
}

std::optional<conformance::MsgAnswer> ModelBackend::result(conformance::Thread thread) {
  const auto found = calls_.find({thread.space, thread.second});
  if (found == calls_.end() || !found->second->answer) return std::nullopt;
  Answer answer = std::move(*found->second->answer);
  calls_.erase(found);
  return conformance::MsgAnswer{answer.code, answer.offset, std::move(answer.bytes)};
}

std::optional<conformance::MsgAnswer> ModelBackend::wait(conformance::Thread thread) {
  while (true) {
    if (auto ended = result(thread)) return ended;
    const std::optional<std::uint64_t> deadline = model_->next_deadline_ms();
    if (!deadline) return std::nullopt;
    model_->advance_to(*deadline);
  }
}

void ModelBackend::abort(conformance::Thread thread) {
  const auto found = calls_.find({thread.space, thread.second});
  if (found != calls_.end()) model_->interrupt(found->second);
}

void ModelBackend::sleep(std::uint32_t milliseconds) {
  model_->advance_to(model_->now_ms() + milliseconds);
}

void ModelBackend::terminate(conformance::SpaceId space) {
  model_->end_space(id_of(space));
}

}  // namespace netmsg::model
