// Answers that go on until the client leaves or the server ends: logs and events. I/O thread only.
#pragma once

#include <boost/intrusive/list.hpp>

#include "net/wakeup.h"

namespace llama_swap::server {

struct Call;

// Lives in the coroutine that writes the answer.
class EndlessStream : public boost::intrusive::list_base_hook<
                          boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  // Watches the client. The call must outlive it. A change of the configuration ends the stream, or
  // gives the call the new site and its caller (gate.h): what points into them is not to be kept.
  explicit EndlessStream(Call& call);
  ~EndlessStream();

  Call& call() { return call_; }

  // To be called when there is something to write.
  void notify() { wakeup_.notify(); }
  net::Awaitable<void> wait() { return wakeup_.wait(); }
  void end();
  // The client has gone, or end() was called: nothing more is to be written.
  bool ended() const { return ended_; }

 private:
  Call& call_;
  net::Wakeup wakeup_;
  bool ended_ = false;
};

// All endless answers of a server, so that they can be told when it ends.
struct StreamSet {
  boost::intrusive::list<EndlessStream, boost::intrusive::constant_time_size<false>> open;
  bool ended = false;  // new ones end at once

  void end_all();
};

}  // namespace llama_swap::server
