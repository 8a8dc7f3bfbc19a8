// A table of comma-separated values with a header, as rocm-smi writes it, between other lines.
#pragma once

#include <string_view>
#include <vector>

#include "util/text.h"

namespace llama_swap::monitor {

class CsvTable {
 public:
  // The header is the line that begins with `first_column` and a comma; lines with another number
  // of fields are no rows. `text` must outlive the table.
  CsvTable(std::string_view text, std::string_view first_column) {
    for (std::string_view line : util::split(text, '\n')) {
      line = util::trim(line);
      auto fields = util::split(line, ',');
      if (line.starts_with(first_column) && line.substr(first_column.size()).starts_with(','))
        columns_ = std::move(fields);
      else if (!columns_.empty() && fields.size() == columns_.size())
        rows_.push_back(std::move(fields));
    }
  }

  std::size_t rows() const { return rows_.size(); }
  // Of the first of these columns (in any case) that exists and says something; "" if none does.
  std::string_view field(std::size_t row, std::initializer_list<std::string_view> columns) const {
    for (const std::string_view wanted : columns)
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (!util::iequals(util::trim(columns_[i]), wanted)) continue;
        const std::string_view value = util::trim(rows_[row][i]);
        if (!value.empty() && !util::iequals(value, "N/A")) return value;
      }
    return "";
  }

 private:
  std::vector<std::string_view> columns_;
  std::vector<std::vector<std::string_view>> rows_;
};

}  // namespace llama_swap::monitor
