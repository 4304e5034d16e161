// SPDX-License-Identifier: Apache-2.0
// A doubly linked list of objects that others own. An object derives from ListNode<Tag> once for each kind of
// list it can be in; it leaves a list in O(1) without knowing which one it is, and a node that dies unlinks
// itself. Not thread-safe.
#pragma once

#include "daemon/base/check.h"

namespace netmsg::base {

template <typename Tag>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool linked() const { return next_ != this; }

  void unlink() {
    next_->prev_ = prev_;
    prev_->next_ = next_;
    next_ = prev_ = this;
  }

 private:
  template <typename, typename>
  friend class IntrusiveList;

  void insert_before(ListNode& position) {
    NETMSG_CHECK(!linked());
    next_ = &position;
    prev_ = position.prev_;
    prev_->next_ = this;
    position.prev_ = this;
  }

  ListNode* next_ = this;
  ListNode* prev_ = this;
};

template <typename T, typename Tag>
class IntrusiveList {
 public:
  ~IntrusiveList() { NETMSG_CHECK(empty()); }

  bool empty() const { return !head_.linked(); }
  T* front() const { return empty() ? nullptr : object(head_.next_); }

  void push_back(T& item) { node(item).insert_before(head_); }
  void push_front(T& item) { node(item).insert_before(*head_.next_); }

  // Null when the list is empty.
  T* pop_front() { return pop(head_.next_); }
  T* pop_back() { return pop(head_.prev_); }

  // `visit` must not change the list.
  template <typename Visitor>
  void for_each(Visitor visit) const {
    for (ListNode<Tag>* at = head_.next_; at != &head_; at = at->next_) visit(*object(at));
  }

  // Newest first; stops and returns the first item for which `matches` holds, null if there is none.
  template <typename Predicate>
  T* find_last(Predicate matches) const {
    for (ListNode<Tag>* at = head_.prev_; at != &head_; at = at->prev_) {
      if (matches(*object(at))) return object(at);
    }
    return nullptr;
  }

 private:
  static ListNode<Tag>& node(T& item) { return item; }
  static T* object(ListNode<Tag>* at) { return static_cast<T*>(at); }

  T* pop(ListNode<Tag>* at) {
    if (at == &head_) return nullptr;
    at->unlink();
    return object(at);
  }

  ListNode<Tag> head_;
};

}  // namespace netmsg::base
