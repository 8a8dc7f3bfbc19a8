// Puts one answer on the wire, well or badly, as its Controls say.
#pragma once

#include <string>
#include <string_view>

#include "connection.h"
#include "controls.h"

namespace fake_model {

class Writer {
 public:
  // All three must outlive this.
  Writer(Connection& connection, const Request& request, const Controls& controls, std::string tag);

  // A complete answer.
  void whole(std::string_view type, std::string_view body);
  // An answer in pieces: begin, piece…, finish. Each returns false when there is no point in going
  // on.
  bool begin(std::string_view type);
  bool piece(std::string_view data);
  void finish();
  // One server-sent event.
  bool event(std::string_view data) { return piece("data: " + std::string(data) + "\n\n"); }
  // The switch to another protocol.
  bool upgrade(std::string_view protocol);

  bool streamed() const { return streamed_; }
  // Whether another request may follow on the connection.
  bool keep() const { return keep_; }

 private:
  bool give_up();  // false
  bool before_first_byte();
  std::string head(std::string_view type, std::string_view framing) const;
  bool send_head(const std::string& head, std::string_view body);
  bool send_body(std::string_view data);
  bool end_in_the_middle();

  Connection& connection_;
  const Request& request_;
  const Controls& controls_;
  const std::string tag_;
  const std::string_view eol_;
  Framing framing_;
  bool streamed_ = false;
  bool keep_;
  int pieces_ = 0;
};

}  // namespace fake_model
