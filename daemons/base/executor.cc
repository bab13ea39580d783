#include "base/executor.h"

#include <pthread.h>

#include <algorithm>

namespace headpond {
namespace {

void NameThisThread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace

ThreadPool::ThreadPool(std::string name, int threads, size_t queue_limit)
    : name_(std::move(name)),
      max_threads_(static_cast<size_t>(std::max(threads, 1))),
      queue_limit_(queue_limit) {}

ThreadPool::~ThreadPool() {
  Shutdown();
}

Status ThreadPool::Submit(std::function<void()> task) {
  MutexLock lock(mutex_);
  if (stopping_) return Cancelled("{} is shutting down", name_);
  if (queue_.size() >= queue_limit_)
    return ResourceExhausted("{} has {} tasks queued, its limit", name_, queue_limit_);
  queue_.push_back(std::move(task));
  if (idle_ >= queue_.size()) {
    wake_.NotifyOne();
  } else if (threads_.size() < max_threads_) {
    threads_.emplace_back([this] { Run(); });
  }
  return Status::Ok();
}

void ThreadPool::Shutdown() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  wake_.NotifyAll();
  for (auto& thread : threads) thread.join();
}

size_t ThreadPool::queued() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

void ThreadPool::Run() {
  NameThisThread(name_);
  while (true) {
    std::function<void()> task;
    {
      MutexLock lock(mutex_);
      ++idle_;
      while (queue_.empty() && !stopping_) wake_.Wait(mutex_);
      --idle_;
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

PeriodicTask::PeriodicTask(std::string name, std::chrono::milliseconds interval,
                           std::function<void()> tick, bool immediately)
    : name_(std::move(name)), interval_(interval), tick_(std::move(tick)), woken_(immediately) {
  thread_ = std::thread([this] { Run(); });
}

PeriodicTask::~PeriodicTask() {
  Stop();
}

void PeriodicTask::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void PeriodicTask::Wake() {
  {
    MutexLock lock(mutex_);
    woken_ = true;
  }
  wake_.NotifyAll();
}

void PeriodicTask::Run() {
  NameThisThread(name_);
  while (true) {
    {
      MutexLock lock(mutex_);
      const auto deadline = std::chrono::steady_clock::now() + interval_;
      while (!stopping_ && !woken_ && wake_.WaitUntil(mutex_, deadline)) {
      }
      if (stopping_) return;
      woken_ = false;
    }
    tick_();
  }
}

}  // namespace headpond
