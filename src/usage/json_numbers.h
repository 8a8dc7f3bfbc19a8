// The numbers of a small JSON object, found without building a tree: those of its members, and of
// members that are objects themselves. All else is passed over.
#pragma once

#include <boost/container/static_vector.hpp>
#include <cstddef>
#include <optional>
#include <string_view>

namespace llama_swap::usage {

class JsonNumbers {
 public:
  // The text must outlive this object. Names are compared as written, and of several of one name
  // the last counts. Beyond kMax members the rest does not count.
  static constexpr std::size_t kMax = 64;
  explicit JsonNumbers(std::string_view text);

  // False: the text is no object, or broken; then it has no numbers.
  bool is_object() const { return is_object_; }
  // Nothing: no such member, or no number.
  std::optional<double> find(std::string_view parent, std::string_view name) const;
  std::optional<double> find(std::string_view name) const { return find({}, name); }

 private:
  // In the order of the text; a member that is an object stands before its own members.
  struct Entry {
    std::string_view parent, name;
    std::optional<double> value;
  };

  void skip_space();
  bool take(char c);
  bool take_text(std::string_view& text);
  bool take_object(std::string_view parent);
  bool take_value(std::string_view parent, std::string_view name);
  bool take_scalar(std::optional<double>& number);
  bool skip_container();

  std::string_view rest_;  // what is not read yet
  bool is_object_ = false;
  boost::container::static_vector<Entry, kMax> entries_;
};

}  // namespace llama_swap::usage
