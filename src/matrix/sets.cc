#include "matrix/sets.h"

#include <fmt/format.h>

#include <unordered_map>

#include "util/text.h"

namespace llama_swap::matrix {

class Builder {
 public:
  Builder(const Sets::Definitions& definitions, const Sets::Lookup& lookup)
      : definitions_(definitions), lookup_(lookup) {}

  tl::expected<Sets, std::vector<SetFault>> run() {
    for (std::size_t set = 0; set < definitions_.size(); ++set)
      numbers_.emplace(definitions_[set].first, set);
    for (std::size_t set = 0; set < definitions_.size(); ++set) read(set);
    if (faults_.empty()) put_in_order();
    if (!faults_.empty()) return tl::unexpected(std::move(faults_));
    out_.roots_.resize(definitions_.size());
    for (std::size_t set : out_.order_) out_.roots_[set] = add_terms(read_[set]);
    return std::move(out_);
  }

 private:
  // A set with its names looked up.
  struct Read {
    Expression expression;
    std::vector<std::size_t> meaning;  // by node: the model, the set
    std::vector<int> references;       // nodes that refer to sets, in the order of the text
  };
  // Where the walk along the references has got to.
  struct Step {
    std::size_t set;
    std::size_t next;  // reference to follow
  };

  void read(std::size_t set) {
    const auto& [name, text] = definitions_[set];
    out_.names_.push_back(name);
    out_.expressions_.push_back(text);
    Read& read = read_.emplace_back();
    if (auto parsed = parse(text)) {
      read.expression = *std::move(parsed);
      look_up(set, read);
    } else {
      fault(set, parsed.error().at, parsed.error().message);
    }
  }

  void look_up(std::size_t set, Read& read) {
    const auto& nodes = read.expression.nodes;
    read.meaning.resize(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const Node& node = nodes[i];
      if (node.kind == Node::name) {
        const auto model = lookup_(node.text);
        if (!model) fault(set, node.at, "unknown var or model " + util::json_quote(node.text));
        read.meaning[i] = model.value_or(0);
      } else if (node.kind == Node::set) {
        const auto found = numbers_.find(node.text);
        if (found == numbers_.end()) {
          fault(set, node.at, fmt::format("+{} refers to an undefined set", node.text));
        } else {
          read.meaning[i] = found->second;
        }
        read.references.push_back(static_cast<int>(i));
      }
    }
  }

  // Depth first, without recursion: chains of references may be long.
  void put_in_order() {
    enum Colour : char { fresh, entered, left };
    std::vector<Colour> colours(definitions_.size(), fresh);
    std::vector<Step> path;
    for (std::size_t set = 0; set < definitions_.size(); ++set) {
      if (colours[set] == fresh) path.push_back({set, 0});
      while (!path.empty()) {
        Step& step = path.back();
        const Read& read = read_[step.set];
        colours[step.set] = entered;
        if (step.next == read.references.size()) {
          colours[step.set] = left;
          out_.order_.push_back(step.set);
          path.pop_back();
          continue;
        }
        const auto reference = static_cast<std::size_t>(read.references[step.next++]);
        const std::size_t to = read.meaning[reference];
        if (colours[to] == entered) {
          const Node& node = read.expression.nodes[reference];
          return fault(step.set, node.at,
                       fmt::format("circular reference: +{} leads back to this set", node.text));
        }
        if (colours[to] == fresh) path.push_back({to, 0});
      }
    }
  }

  // Those it refers to have been added. The term of its root.
  std::size_t add_terms(const Read& read) {
    const auto& nodes = read.expression.nodes;
    std::vector<std::size_t> terms(nodes.size());  // by node
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const Node& node = nodes[i];
      if (node.kind == Node::name) {
        terms[i] = term_of(static_cast<Model>(read.meaning[i]));
      } else if (node.kind == Node::set) {
        terms[i] = out_.roots_[read.meaning[i]];
      } else {
        const auto kind = node.kind == Node::all_of ? Term::all_of : Term::any_of;
        terms[i] = add({kind, 0, out_.children_.size(), node.children.size()});
        for (int child : node.children)
          out_.children_.push_back(terms[static_cast<std::size_t>(child)]);
      }
    }
    return terms.back();
  }

  std::size_t term_of(Model model) {
    const auto [found, is_new] = leaves_.emplace(model, out_.terms_.size());
    return is_new ? add({Term::model, model, 0, 0}) : found->second;
  }
  std::size_t add(const Term& term) {
    out_.terms_.push_back(term);
    return out_.terms_.size() - 1;
  }

  void fault(std::size_t set, std::size_t at, std::string_view what) {
    faults_.push_back(
        {set, fmt::format("set {}: {}", util::json_quote(definitions_[set].first), what), at});
  }

  const Sets::Definitions& definitions_;
  const Sets::Lookup& lookup_;
  std::unordered_map<std::string, std::size_t> numbers_;  // of the sets
  std::vector<Read> read_;                                // by set
  std::unordered_map<Model, std::size_t> leaves_;         // terms of models
  std::vector<SetFault> faults_;
  Sets out_;
};

tl::expected<Sets, std::vector<SetFault>> Sets::build(const Definitions& definitions,
                                                      const Lookup& lookup) {
  return Builder(definitions, lookup).run();
}

}  // namespace llama_swap::matrix
