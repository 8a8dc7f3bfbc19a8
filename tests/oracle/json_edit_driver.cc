// Makes the edits that it reads from standard input (json_edit_oracle.py):
//
//   CASE = <bytes of the document> <bytes of a piece> <number of edits>\n <document>
//          then per edit: set <bytes of the key> <bytes of the value>\n <key> <value>
//                     or: remove <bytes of the key> 0\n <key>
//
// and answers each with "ok <bytes>\n" and the edited document, or "error <number of the edit>\n".
#include <algorithm>
#include <deque>
#include <iostream>
#include <string>
#include <vector>

#include "server/json_edit.h"

using namespace llama_swap;

namespace {

std::string read_bytes(std::size_t size) {
  std::string out(size, '\0');
  std::cin.read(out.data(), static_cast<std::streamsize>(size));
  return out;
}

server::JsonEdit read_edit() {
  std::string what;
  std::size_t key_size = 0, value_size = 0;
  std::cin >> what >> key_size >> value_size;
  std::cin.get();
  server::JsonEdit edit;
  edit.key = read_bytes(key_size);
  edit.path = util::parse_json_path(edit.key).value();
  if (what == "set") edit.value = read_bytes(value_size);
  return edit;
}

void answer(const std::string& document, std::size_t piece,
            const std::deque<server::JsonEdit>& edits) {
  std::vector<const server::JsonEdit*> pointers;
  for (const server::JsonEdit& edit : edits) pointers.push_back(&edit);
  server::JsonEditor editor(pointers);
  for (std::size_t at = 0; at < document.size(); at += piece)
    editor.feed(std::string_view(document).substr(at, piece));
  const auto splices = editor.finish();
  if (!splices) {
    std::cout << "error " << splices.error().edit << "\n";
    return;
  }
  const std::string edited = server::spliced(document, *splices);
  std::cout << "ok " << edited.size() << "\n" << edited;
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::size_t size = 0, piece = 0, count = 0;
  while (std::cin >> size >> piece >> count) {
    std::cin.get();
    const std::string document = read_bytes(size);
    std::deque<server::JsonEdit> edits;
    for (; count > 0; --count) edits.push_back(read_edit());
    answer(document, piece, edits);
  }
}
