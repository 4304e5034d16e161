// SPDX-License-Identifier: Apache-2.0
// What the calls of sample.defs do (sample.h). One thread serves.
#include <mach.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "tests/stubs/sample.h"

namespace {

int sum = 0;
mach_port_t waiting = MACH_PORT_NULL;  // the reply right of a sample_later

// Consumes the right.
void send_to(mach_port_t right, mach_msg_type_name_t disposition, mach_msg_id_t id) {
  mach_msg_header_t head{};
  head.msgh_bits = MACH_MSGH_BITS(disposition, 0);
  head.msgh_remote_port = right;
  head.msgh_id = id;
  if (mach_msg(&head, MACH_SEND_MSG, sizeof head, 0, 0, 0, 0) != MACH_MSG_SUCCESS)
    mach_port_deallocate(mach_task_self(), right);
}

// The answer to a sample_later, which the service gives by itself.
void answer(mach_port_t right, kern_return_t code) {
  mig_reply_header_t reply{};
  reply.Head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
  reply.Head.msgh_remote_port = right;
  reply.Head.msgh_id = kLater + 100;
  reply.RetCodeType = {MACH_MSG_TYPE_INTEGER_32, 32, 0, 1, 0, 0, 1};
  reply.RetCode = code;
  if (mach_msg(&reply.Head, MACH_SEND_MSG, sizeof reply, 0, 0, 0, 0) != MACH_MSG_SUCCESS)
    mach_port_deallocate(mach_task_self(), right);
}

// One more for each byte; gives the received memory up.
std::vector<char> next_bytes(vm_offset_t data, mach_msg_type_number_t count) {
  const char* const bytes = reinterpret_cast<const char*>(data);
  std::vector<char> next(bytes, bytes + count);
  for (char& byte : next) ++byte;
  vm_deallocate(mach_task_self(), data, count);
  return next;
}

}  // namespace

extern "C" {

kern_return_t serve_sample_nothing(mach_port_t) {
  return KERN_SUCCESS;
}

kern_return_t serve_sample_numbers(mach_port_t, int a, int* b, int64_t* c) {
  *b += a;
  *c = int64_t{*b} << 32;
  return KERN_SUCCESS;
}

kern_return_t serve_sample_label(mach_port_t, const_label_t label, label_t answer) {
  std::memcpy(answer, label, sizeof(label_t));
  return KERN_SUCCESS;
}

kern_return_t serve_sample_text(mach_port_t, const_text_t text, text_t answer) {
  answer[0] = '\0';
  std::strncat(answer, text, sizeof(text_t) - 1);
  return KERN_SUCCESS;
}

kern_return_t serve_sample_row(mach_port_t, const row_t row, row_t back) {
  std::copy_n(row, 5, back);
  return KERN_SUCCESS;
}

kern_return_t serve_sample_list(mach_port_t, const_list_t list, mach_msg_type_number_t listCnt, list_t back,
                                mach_msg_type_number_t* backCnt) {
  std::copy_n(list, listCnt, back);
  *backCnt = listCnt;
  return KERN_SUCCESS;
}

kern_return_t serve_sample_point(mach_port_t, point_t* point) {
  *point = {point->z, point->x, point->y};
  return KERN_SUCCESS;
}

kern_return_t serve_sample_memory(mach_port_t, vm_offset_t data, mach_msg_type_number_t dataCnt,
                                  vm_offset_t* back, mach_msg_type_number_t* backCnt) {
  const std::vector<char> next = next_bytes(data, dataCnt);
  if (vm_allocate(mach_task_self(), back, dataCnt, TRUE) != KERN_SUCCESS) return KERN_NO_SPACE;
  std::copy(next.begin(), next.end(), reinterpret_cast<char*>(*back));
  *backCnt = dataCnt;
  return KERN_SUCCESS;
}

kern_return_t serve_sample_give_memory(mach_port_t, vm_offset_t data, mach_msg_type_number_t dataCnt,
                                       vm_offset_t* back, mach_msg_type_number_t* backCnt) {
  static std::vector<char> kept;
  kept = next_bytes(data, dataCnt);
  *back = reinterpret_cast<vm_offset_t>(kept.data());
  *backCnt = dataCnt;
  return KERN_SUCCESS;
}

kern_return_t serve_sample_take(mach_port_t, mach_port_t copied, mach_port_t made, mach_port_t moved,
                                mach_port_t once_made, mach_port_t once_moved) {
  send_to(copied, MACH_MSG_TYPE_MOVE_SEND, 1);
  send_to(made, MACH_MSG_TYPE_MOVE_SEND, 2);
  send_to(moved, MACH_MSG_TYPE_MOVE_SEND, 3);
  send_to(once_made, MACH_MSG_TYPE_MOVE_SEND_ONCE, 4);
  send_to(once_moved, MACH_MSG_TYPE_MOVE_SEND_ONCE, 5);
  return KERN_SUCCESS;
}

// The right that is made first is copied, and then moved.
kern_return_t serve_sample_give(mach_port_t server, mach_port_t* copied, mach_port_t* made,
                                mach_port_t* moved, mach_port_t* once_made, mach_port_t* once_moved) {
  mach_msg_type_name_t type = 0;
  mach_port_insert_right(mach_task_self(), server, server, MACH_MSG_TYPE_MAKE_SEND);
  *copied = *made = *moved = *once_made = server;
  return mach_port_extract_right(mach_task_self(), server, MACH_MSG_TYPE_MAKE_SEND_ONCE, once_moved, &type);
}

kern_return_t serve_sample_receive(mach_port_t, mach_port_t right, mach_port_t* back) {
  *back = right;
  return KERN_SUCCESS;
}

// The array itself goes back.
kern_return_t serve_sample_ports(mach_port_t, mach_port_array_t ports, mach_msg_type_number_t portsCnt,
                                 mach_port_array_t* back, mach_msg_type_number_t* backCnt) {
  *back = ports;
  *backCnt = portsCnt;
  return KERN_SUCCESS;
}

// As received: the types of received rights are those that move them on.
kern_return_t serve_sample_any(mach_port_t, mach_port_t right, mach_msg_type_name_t rightPoly,
                               mach_port_t* back, mach_msg_type_name_t* backPoly) {
  *back = right;
  *backPoly = rightPoly;
  return KERN_SUCCESS;
}

kern_return_t serve_sample_fail(mach_port_t, int code) {
  return code;
}

kern_return_t serve_sample_later(mach_port_t, mach_port_t reply) {
  if (const mach_port_t before = std::exchange(waiting, reply); before != MACH_PORT_NULL)
    mach_port_deallocate(mach_task_self(), before);
  return MIG_NO_REPLY;
}

kern_return_t serve_sample_try(mach_port_t, int number) {
  sum += number;
  return KERN_SUCCESS;
}

kern_return_t serve_sample_note(mach_port_t, int number) {
  sum += number;
  const mach_port_t reply = std::exchange(waiting, mach_port_t{MACH_PORT_NULL});
  if (reply != MACH_PORT_NULL && number == 0) mach_port_deallocate(mach_task_self(), reply);
  if (reply != MACH_PORT_NULL && number != 0) answer(reply, number);
  return MIG_NO_REPLY;
}

kern_return_t serve_sample_post(mach_port_t, const_text_t text) {
  sum += static_cast<int>(std::strlen(text));
  return MIG_NO_REPLY;
}

kern_return_t serve_sample_noted(mach_port_t, int* noted) {
  *noted = sum;
  return KERN_SUCCESS;
}

kern_return_t serve_sample_quit(mach_port_t) {
  ::_exit(0);
}

}  // extern "C"
