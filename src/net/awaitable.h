// The coroutine type of the loop, and how it waits for Asio's operations.
//
// An Awaitable<T> starts when it is awaited and runs in the caller's stack until it has to wait, so
// a call that need not wait costs little more than a function call: no queue, no type erasure, and
// a frame from a list of used ones. (Asio's own awaitable passes each call and return through its
// thread of frames; a request with 25 calls on its way spent a third of its instructions there:
// docs/decisions/002-event-loop.md.)
//
//   Awaitable<int> f();
//     a coroutine, or a function that returns one
//   const int n = co_await f();
//     exceptions pass through
//   const auto [ec, n] = co_await socket.async_receive(buffer, use_awaitable);
//     nothing is thrown
//   spawn(loop, f());
//     runs on its own
//   return ready(7);
//     in a plain function: a result without a coroutine
//
// Ownership: an Awaitable owns its frame. A spawned one belongs to whatever it waits for, and is
// destroyed, with all it has called, when that operation is dropped (with the loop) instead of
// completed. Everything here happens on the thread that runs the loop; only spawn() may be called
// from another one.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <coroutine>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "util/recycled.h"

namespace llama_swap::net {

template <class T>
class Awaitable;

namespace detail {

struct PromiseBase : util::Recycled {
  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    // The caller destroys this frame as soon as it goes on: nothing here is touched after that.
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      if (self.promise().caller) self.promise().caller.resume();
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { failure = std::current_exception(); }
  void rethrow() const {
    if (failure) std::rethrow_exception(failure);
  }

  std::coroutine_handle<> root;  // what spawn() started
  std::coroutine_handle<>
      caller;  // set once it waits for us: a call that ends at once has nobody to wake
  std::exception_ptr failure;
};

template <class T>
struct Promise : PromiseBase {
  Awaitable<T> get_return_object() noexcept;
  template <class U = T>
  requires std::convertible_to<U&&, T>
  void return_value(U&& value) { result.emplace(std::forward<U>(value)); }
  T take() {
    rethrow();
    return std::move(*result);
  }
  std::optional<T> result;
};

struct Nothing {};
template <class T>
using Ready = std::conditional_t<std::is_void_v<T>, Nothing, std::optional<T>>;

template <>
struct Promise<void> : PromiseBase {
  Awaitable<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const { rethrow(); }
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Awaitable {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Awaitable(Handle frame) noexcept : frame_(frame) {}
  explicit Awaitable(detail::Ready<T> result) : result_(std::move(result)) {}
  Awaitable(Awaitable&& other) noexcept
      : frame_(std::exchange(other.frame_, nullptr)), result_(std::move(other.result_)) {}
  Awaitable& operator=(Awaitable&&) = delete;
  ~Awaitable() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const noexcept { return !frame_; }
  template <class Caller>
  bool await_suspend(std::coroutine_handle<Caller> caller) {
    promise_type& promise = frame_.promise();
    promise.root = caller.promise().root;
    frame_.resume();
    if (frame_.done()) return false;
    promise.caller = caller;
    return true;
  }
  T await_resume() {
    if (frame_) return frame_.promise().take();
    if constexpr (!std::is_void_v<T>) return std::move(*result_);
  }

 private:
  Handle frame_;  // null: there is a result already
  [[no_unique_address]] detail::Ready<T> result_;
};

// What a plain function returns that has the result, or nothing to wait for, already.
template <class T>
Awaitable<T> ready(T result) {
  return Awaitable<T>(detail::Ready<T>(std::move(result)));
}
inline Awaitable<void> ready() {
  return Awaitable<void>(detail::Ready<void>());
}

template <class T>
Awaitable<T> detail::Promise<T>::get_return_object() noexcept {
  return Awaitable<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Awaitable<void> detail::Promise<void>::get_return_object() noexcept {
  return Awaitable<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

// The completion token. `co_await op(..., use_awaitable)` gives a tuple of what the operation's
// handler would get.
struct UseAwaitable {};
inline constexpr UseAwaitable use_awaitable{};

namespace detail {

// A coroutine that waits, as its wake-up call. Dropped uncalled, it destroys the coroutine from its
// root.
class Sleeper {
 public:
  Sleeper(std::coroutine_handle<> self, std::coroutine_handle<> root) : self_(self), root_(root) {}
  Sleeper(Sleeper&& other) noexcept
      : self_(std::exchange(other.self_, nullptr)), root_(other.root_) {}
  Sleeper& operator=(Sleeper&&) = delete;
  ~Sleeper() {
    if (self_) root_.destroy();
  }
  void wake() { std::exchange(self_, nullptr).resume(); }

 private:
  std::coroutine_handle<> self_, root_;
};

template <class Initiation, class Arguments, class... Results>
class Operation {
 public:
  template <class I, class... A>
  explicit Operation(I&& initiation, A&&... arguments)
      : initiation_(std::forward<I>(initiation)), arguments_(std::forward<A>(arguments)...) {}

  bool await_ready() const noexcept { return false; }
  template <class Caller>
  void await_suspend(std::coroutine_handle<Caller> caller) {
    Handler handler{this, Sleeper(caller, caller.promise().root)};
    std::apply(
        [&](auto&&... arguments) {
          std::move(initiation_)(std::move(handler), std::move(arguments)...);
        },
        arguments_);
  }
  std::tuple<Results...> await_resume() { return std::move(*results_); }

 private:
  struct Handler {
    Operation* operation;
    Sleeper sleeper;
    void operator()(Results... results) {
      operation->results_.emplace(std::move(results)...);
      sleeper.wake();
    }
  };

  Initiation initiation_;
  Arguments arguments_;
  std::optional<std::tuple<Results...>> results_;
};

// What spawn() runs: nobody's call, so it frees itself at its end.
struct Root {
  struct promise_type : util::Recycled {
    Root get_return_object() noexcept {
      root = std::coroutine_handle<promise_type>::from_promise(*this);
      return {root};
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
    std::coroutine_handle<> root;
  };
  std::coroutine_handle<> frame;
};

}  // namespace detail

// Runs `work` on its own, at once where we are on the loop's thread already. An exception that
// leaves it ends the process (std::terminate).
void spawn(boost::asio::io_context& loop, Awaitable<void> work);

}  // namespace llama_swap::net

template <class... Results>
struct boost::asio::async_result<llama_swap::net::UseAwaitable, void(Results...)> {
  template <class Initiation, class... Arguments>
  static auto initiate(Initiation&& initiation, const llama_swap::net::UseAwaitable&,
                       Arguments&&... arguments) {
    return llama_swap::net::detail::Operation<
        std::decay_t<Initiation>, std::tuple<std::decay_t<Arguments>...>, std::decay_t<Results>...>(
        std::forward<Initiation>(initiation), std::forward<Arguments>(arguments)...);
  }
};
