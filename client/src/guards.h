// SPDX-License-Identifier: Apache-2.0
// What a call must leave as it found it: errno, the signal mask, the thread's cancellability.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <cerrno>

namespace netmsg::client {

// Library calls report through their result and never touch errno.
class ErrnoGuard {
 public:
  ErrnoGuard() : saved_(errno) {}
  ~ErrnoGuard() { errno = saved_; }
  ErrnoGuard(const ErrnoGuard&) = delete;
  ErrnoGuard& operator=(const ErrnoGuard&) = delete;

 private:
  int saved_;
};

// No signal handler runs on this thread while it exists.
class SignalGuard {
 public:
  SignalGuard() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved_);
  }
  ~SignalGuard() { pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  // The mask outside: for an atomic unblock-and-wait.
  const sigset_t& outside() const { return saved_; }

 private:
  sigset_t saved_{};
};

// Nothing is a cancellation point on this thread while it exists.
class CancellationGuard {
 public:
  CancellationGuard() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &saved_); }
  ~CancellationGuard() { pthread_setcancelstate(saved_, nullptr); }
  CancellationGuard(const CancellationGuard&) = delete;
  CancellationGuard& operator=(const CancellationGuard&) = delete;

 private:
  int saved_ = PTHREAD_CANCEL_ENABLE;
};

// Around what all threads share: neither a handler's longjmp nor a cancellation may leave it half done.
class QuietSection {
  SignalGuard signals_;
  CancellationGuard cancellation_;
};

}  // namespace netmsg::client
