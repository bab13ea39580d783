#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

// Clang's thread-safety annotations; they vanish with other compilers. The `tidy` preset compiles with
// -Wthread-safety -Werror.
#if defined(__clang__)
#define HEADPOND_ANNOTATION(x) __attribute__((x))
#else
#define HEADPOND_ANNOTATION(x)
#endif
// Debian's absl and protobuf headers leak macros of these three names, with the same meaning.
#undef GUARDED_BY
#undef PT_GUARDED_BY
#undef NO_THREAD_SAFETY_ANALYSIS
#define CAPABILITY(x) HEADPOND_ANNOTATION(capability(x))
#define SCOPED_CAPABILITY HEADPOND_ANNOTATION(scoped_lockable)
#define GUARDED_BY(x) HEADPOND_ANNOTATION(guarded_by(x))
#define PT_GUARDED_BY(x) HEADPOND_ANNOTATION(pt_guarded_by(x))
#define REQUIRES(...) HEADPOND_ANNOTATION(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) HEADPOND_ANNOTATION(requires_shared_capability(__VA_ARGS__))
#define ACQUIRE(...) HEADPOND_ANNOTATION(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) HEADPOND_ANNOTATION(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...) HEADPOND_ANNOTATION(release_capability(__VA_ARGS__))
#define RELEASE_SHARED(...) HEADPOND_ANNOTATION(release_shared_capability(__VA_ARGS__))
#define RELEASE_GENERIC(...) HEADPOND_ANNOTATION(release_generic_capability(__VA_ARGS__))
#define EXCLUDES(...) HEADPOND_ANNOTATION(locks_excluded(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS HEADPOND_ANNOTATION(no_thread_safety_analysis)

namespace headpond {

// The project's mutexes. Hold one for memory work only, never across I/O or a wait for anything but
// its own CondVar. All state a Mutex protects is marked GUARDED_BY(it).
class CAPABILITY("mutex") Mutex {
 public:
  void Lock() ACQUIRE() { mutex_.lock(); }
  void Unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Many readers or one writer.
class CAPABILITY("mutex") SharedMutex {
 public:
  void Lock() ACQUIRE() { mutex_.lock(); }
  void Unlock() RELEASE() { mutex_.unlock(); }
  void LockShared() ACQUIRE_SHARED() { mutex_.lock_shared(); }
  void UnlockShared() RELEASE_SHARED() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

class SCOPED_CAPABILITY WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~WriterLock() RELEASE() { mutex_.Unlock(); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  SharedMutex& mutex_;
};

class SCOPED_CAPABILITY ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex) ACQUIRE_SHARED(mutex) : mutex_(mutex) { mutex_.LockShared(); }
  ~ReaderLock() RELEASE_GENERIC() { mutex_.UnlockShared(); }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  SharedMutex& mutex_;
};

// Waits for a change of state under a Mutex. Always in a loop over the condition, or with a predicate
// method written by the caller; every wait of the project has a deadline except a worker thread's
// wait for its next task, which shutdown ends with NotifyAll.
class CondVar {
 public:
  void Wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // False when `deadline` passed first.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point deadline) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool notified = condition_.wait_until(lock, deadline) == std::cv_status::no_timeout;
    lock.release();
    return notified;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace headpond
