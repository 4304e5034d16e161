// SPDX-License-Identifier: Apache-2.0
#include "daemon/ipc/kernel_call.h"

#include <mach/vm_statistics.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <tuple>
#include <utility>

#include "daemon/ipc/mach_port.h"
#include "daemon/ipc/memory.h"
#include "daemon/ipc/task_ports.h"

namespace netmsg::ipc {

namespace {

// ---------------------------------------------------------------- from items to C++ and back

// Takes the arguments out of the input, one after the other.
struct Arguments {
  CallInput& in;
  std::size_t values_taken = 0;
  std::size_t rights_taken = 0;

  template <typename T>
  T next() {
    if constexpr (std::is_same_v<T, CarriedRight>) {
      return std::move(in.rights[rights_taken++]);
    } else if constexpr (std::is_same_v<T, std::vector<CarriedRight>>) {
      return std::move(in.rights);
    } else {
      return static_cast<T>(in.values[values_taken++]);
    }
  }
};

void store(CallOutput& out, std::uint32_t value) {
  out.values[0] = value;
}
void store(CallOutput& out, const mach_port_status_t& s) {
  out.values = {s.mps_pset,
                s.mps_seqno,
                s.mps_mscount,
                s.mps_qlimit,
                s.mps_msgcount,
                s.mps_sorights,
                static_cast<std::uint32_t>(s.mps_srights),
                static_cast<std::uint32_t>(s.mps_pdrequest),
                static_cast<std::uint32_t>(s.mps_nsrequest)};
}
void store(CallOutput& out, const vm_statistics_data_t& statistics) {
  static_assert(sizeof out.values == sizeof statistics);
  std::memcpy(out.values.data(), &statistics, sizeof statistics);
}
void store(CallOutput& out, CarriedRight& right) {
  out.rights.push_back(std::move(right));
}
void store(CallOutput& out, SendOnceRight& right) {
  out.rights.push_back(right ? CarriedRight(std::move(right)) : CarriedRight::null(RightType::kSendOnce));
}

void store(CallOutput& out, std::vector<CarriedRight>& rights) {
  out.rights = std::move(rights);
}
void store(CallOutput& out, std::vector<Name>& names) {
  out.arrays.push_back(std::move(names));
}

kern_return_t give(CallOutput&, kern_return_t code) {
  return code;
}
kern_return_t give(CallOutput& out, mach_port::NameList list) {
  out.arrays = {std::move(list.names), std::move(list.types)};
  return KERN_SUCCESS;
}
template <typename T>
kern_return_t give(CallOutput& out, Kern<T> result) {
  if (result.ok()) store(out, result.value());
  return result.code();
}

template <typename Result, typename... Args>
kern_return_t apply_to(Result (*function)(Space&, Args...), Space& space, CallInput& in, CallOutput& out) {
  [[maybe_unused]] Arguments arguments{in};  // a call may have none
  std::tuple<Space&, Args...> taken{space, arguments.next<Args>()...};
  return give(out, std::apply(function, std::move(taken)));
}

// ---------------------------------------------------------------- how a row is carried out

template <auto kFunction>
kern_return_t on_task(const KernelObject& object, CallInput& in, CallOutput& out) {
  if (object.kind != KernelObject::Kind::kTask) return KERN_INVALID_TASK;
  return apply_to(kFunction, *object.space, in, out);
}

// The overloads that work with carried rights.
kern_return_t insert(Space& space, Name name, CarriedRight right) {
  return mach_port::insert_right(space, name, std::move(right));
}
Kern<CarriedRight> extract(Space& space, Name name, mach_msg_type_name_t disposition) {
  return mach_port::extract_right(space, name, disposition);
}
Kern<SendOnceRight> request(Space& space, Name name, mach_msg_id_t id, mach_port_mscount_t sync,
                            CarriedRight notify) {
  return mach_port::request_notification(space, name, id, sync, std::move(notify));
}

// 05 §7: memory is a task's own affair.
kern_return_t memory(Space&) {
  return KERN_INVALID_ARGUMENT;
}

// 05 §6: the engine knows of the host's memory only how large a page is.
Kern<vm_statistics_data_t> statistics(Space&) {
  vm_statistics_data_t known{};
  known.pagesize = kPageSize;
  return known;
}

// 05 §4: privileged, and nobody has the privilege.
kern_return_t set_ktype(const KernelObject&, CallInput&, CallOutput&) {
  return KERN_INVALID_HOST;
}

using enum Item;
namespace mp = mach_port;

// Ascending.
constexpr Call kCalls[] = {
    {2021, {kAny}, {}, on_task<memory>},  // vm_allocate
    {2023, {kAny}, {}, on_task<memory>},  // vm_deallocate
    {2024, {kAny}, {}, on_task<memory>},  // vm_protect
    {2025, {kAny}, {}, on_task<memory>},  // vm_inherit
    {2026, {kAny}, {}, on_task<memory>},  // vm_read
    {2027, {kAny}, {}, on_task<memory>},  // vm_write
    {2028, {kAny}, {}, on_task<memory>},  // vm_copy
    {2029, {kAny}, {}, on_task<memory>},  // vm_region
    {2030, {}, {kStatistics}, on_task<statistics>},
    {2033, {kSends}, {}, on_task<task::register_ports>},
    {2034, {}, {kSends}, on_task<task::lookup_ports>},
    {2058, {kNumber}, {kSend}, on_task<task::get_special_port>},
    {2059, {kNumber, kSend}, {}, on_task<task::set_special_port>},
    {2089, {kAny}, {}, on_task<memory>},  // vm_map
    {3200, {}, {kNames, kNumbers}, on_task<mp::names>},
    {3201, {kName}, {kNumber}, on_task<mp::type>},
    {3202, {kName, kName}, {}, on_task<mp::rename>},
    {3203, {kNumber, kName}, {}, on_task<mp::allocate_name>},
    {3204, {kNumber}, {kName}, on_task<mp::allocate>},
    {3205, {kName}, {}, on_task<mp::destroy>},
    {3206, {kName}, {}, on_task<mp::deallocate>},
    {3207, {kName, kNumber}, {kNumber}, on_task<mp::get_refs>},
    {3208, {kName, kNumber, kNumber}, {}, on_task<mp::mod_refs>},
    {3210, {kName, kNumber}, {}, on_task<mp::set_qlimit>},
    {3211, {kName, kNumber}, {}, on_task<mp::set_mscount>},
    {3212, {kName}, {kNames}, on_task<mp::get_set_status>},
    {3213, {kName, kName}, {}, on_task<mp::move_member>},
    {3214, {kName, kNumber, kNumber, kSendOnce}, {kSendOnce}, on_task<request>},
    {3215, {kName, kRight}, {}, on_task<insert>},
    {3216, {kName, kNumber}, {kRight}, on_task<extract>},
    {3217, {kName}, {kStatus}, on_task<mp::get_receive_status>},
    {3218, {kName, kNumber}, {}, on_task<mp::set_seqno>},
    {3221, {kName, kLong}, {}, on_task<mp::set_protected_payload>},
    {3222, {kName}, {}, on_task<mp::clear_protected_payload>},
    {3223, {kSend, kName, kNumber, kNumber}, {}, set_ktype},
};

bool is_plain_item(Item item) {
  return item == kNone || item == kName || item == kNumber || item == kLong || item == kStatus;
}

}  // namespace

const Call* find_call(mach_msg_id_t id) {
  const auto* call = std::lower_bound(std::begin(kCalls), std::end(kCalls), id,
                                      [](const Call& row, mach_msg_id_t wanted) { return row.id < wanted; });
  return call != std::end(kCalls) && call->id == id ? call : nullptr;
}

unsigned argument_count(const Call& call) {
  const auto used =
      std::count_if(call.arguments.begin(), call.arguments.end(), [](Item item) { return item != kNone; });
  return static_cast<unsigned>(used);
}

bool is_plain(const Call& call) {
  return std::all_of(call.arguments.begin(), call.arguments.end(), is_plain_item) &&
         std::all_of(call.results.begin(), call.results.end(), is_plain_item);
}

}  // namespace netmsg::ipc
