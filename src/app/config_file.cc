// SPDX-License-Identifier: MIT
#include "app/config_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include "app/options.h"
#include "app/quoted.h"
#include "app/spelling.h"
#include "io/file_descriptor.h"

namespace roost::app {
namespace {

using Problems = std::vector<ConfigProblem>;

constexpr size_t kBareNameSizeMax = 60;  // Longer than any that we know.

// "Bytes sent at most." as it stands between brackets: "bytes sent at most".
std::string as_remark(std::string_view meaning) {
  std::string remark(meaning);
  if (remark.ends_with('.')) remark.pop_back();
  const auto is_upper = [&](size_t i) {
    return i < remark.size() && remark[i] >= 'A' && remark[i] <= 'Z';
  };
  const bool is_abbreviation = is_upper(1);  // TCP, PEM.
  if (is_upper(0) && !is_abbreviation) remark[0] = static_cast<char>(remark[0] - 'A' + 'a');
  return remark;
}

std::string did_you_mean(std::optional<std::string_view> name) {
  return name ? "; did you mean " + std::string(*name) + "?" : std::string();
}

// A key of the file, which may be any text, so that it stays on the line.
std::string shown_name(std::string_view name) {
  const bool is_bare =
      name.size() <= kBareNameSizeMax && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
      });
  return is_bare && !name.empty() ? std::string(name) : quoted_briefly(name);
}

// One reading of one text.
class Reader {
 public:
  Reader(const TomlFile& toml, const std::string& file) : file_(file) {
    for (const TomlEntry& entry : toml.outside) read_outside(entry);
    for (const TomlSection& section : toml.sections) read_section(section);
    check_across();
  }

  Result<ConfigFile, Problems> result() && {
    if (problems_.empty()) return std::move(result_);
    std::stable_sort(problems_.begin(), problems_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.at.line, a.at.column) < std::pair(b.at.line, b.at.column);
    });
    if (problems_.size() > kProblemCountMax) {
      const size_t more = problems_.size() - kProblemCountMax;
      problems_.resize(kProblemCountMax);
      problems_.push_back({file_, {}, "", "has " + std::to_string(more) + " more problems", ""});
    }
    return Failure(std::move(problems_));
  }

 private:
  void add(TomlPlace at, std::string option, std::string text, std::string_view meaning = {}) {
    problems_.push_back({file_, at, std::move(option), std::move(text), std::string(meaning)});
  }

  void read_outside(const TomlEntry& entry);
  void read_section(const TomlSection& section);
  void read_option(const Option& option, const TomlEntry& entry);
  void check_across();

  const std::string& file_;
  ConfigFile result_;
  Problems problems_;
  std::vector<std::pair<const Option*, TomlPlace>> seen_;
  std::vector<const Option*> unreadable_;
};

std::optional<std::string_view> option_in_any_section(std::string_view name) {
  for (const Option& option : options()) {
    if (option.name() == name) return option.full_name;
  }
  return {};
}

std::optional<std::string_view> option_like(std::string_view section, std::string_view name) {
  if (const auto elsewhere = option_in_any_section(name)) return elsewhere;
  std::vector<std::string_view> candidates;
  for (const Option& option : options()) {
    if (option.section() == section) candidates.push_back(option.name());
  }
  if (const auto near = nearest(name, candidates)) {
    for (const Option& option : options()) {
      if (option.section() == section && option.name() == *near) return option.full_name;
    }
  }
  candidates.clear();
  for (const Option& option : options()) candidates.push_back(option.full_name);
  return nearest(std::string(section) + '.' + std::string(name), candidates);
}

void Reader::read_outside(const TomlEntry& entry) {
  const auto sections = section_names();
  if (std::find(sections.begin(), sections.end(), entry.name) != sections.end()) {
    return add(entry.at, entry.name, "is a section, not an option; write [" + entry.name + "]");
  }
  const std::string name = quoted_briefly(entry.name);
  const auto meant = option_in_any_section(entry.name);
  if (!meant) return add(entry.at, "", name + " stands outside any section, and is no option");
  add(entry.at, "",
      name + " stands outside any section; did you mean " + std::string(*meant) + "?");
}

void Reader::read_section(const TomlSection& section) {
  const auto sections = section_names();
  if (std::find(sections.begin(), sections.end(), section.name) == sections.end()) {
    const auto near = nearest(section.name, sections);
    return add(section.at, "",
               '[' + shown_name(section.name) + "] is not a section" +
                   (near ? "; did you mean [" + std::string(*near) + "]?" : ""));
  }
  for (const TomlEntry& entry : section.entries) {
    if (const Option* const option = find_option(section.name + '.' + entry.name)) {
      read_option(*option, entry);
    } else {
      add(entry.at, section.name + '.' + shown_name(entry.name),
          "is not an option" + did_you_mean(option_like(section.name, entry.name)));
    }
  }
}

void Reader::read_option(const Option& option, const TomlEntry& entry) {
  ++result_.options_set;
  seen_.emplace_back(&option, entry.value.at);
  auto found = read_value(option.kind, entry.value, result_.config);
  if (!found.empty()) unreadable_.push_back(&option);
  for (ValueProblem& problem : found) {
    add(problem.at, std::string(option.full_name), std::move(problem.text), option.meaning);
  }
}

// What the node itself finds wrong. A finding that speaks of an option whose value was not even
// readable would confuse: it judges the default in its place.
void Reader::check_across() {
  for (const node::ConfigProblem& found : node::find_problems(result_.config)) {
    const bool is_hearsay =
        std::any_of(unreadable_.begin(), unreadable_.end(), [&](const Option* option) {
          return found.option == option->full_name ||
                 found.text.find(option->full_name) != std::string::npos;
        });
    if (is_hearsay) continue;
    const auto place = std::find_if(seen_.begin(), seen_.end(), [&](const auto& seen) {
      return seen.first->full_name == found.option;
    });
    const Option* const option = find_option(found.option);
    add(place == seen_.end() ? TomlPlace() : place->second, found.option, found.text,
        option == nullptr ? "" : option->meaning);
  }
}

Failure<Problems> about_the_file(const std::string& file, std::string text) {
  return Failure(Problems{{file, {}, "", std::move(text), ""}});
}

Result<std::string, std::string> read_text(const std::string& path) {
  const io::FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) {
    const int error = errno;
    std::string text = std::string("cannot be opened: ") + std::strerror(error);
    if (error == ENOENT) text += "; to make one: roost print-config --sample > roost.toml";
    if (error == EACCES) text += "; the user who runs roost has to be allowed to read it";
    return Failure(std::move(text));
  }
  // In pieces, so that a daemon does not keep a megabyte for a file of a few lines.
  std::string text;
  char piece[4096];
  while (text.size() <= kConfigSizeMax) {
    const ssize_t got = read(fd.get(), piece, sizeof(piece));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failure(std::string("cannot be read: ") + std::strerror(errno));
    if (got == 0) break;
    text.append(piece, static_cast<size_t>(got));
  }
  return text;
}

}  // namespace

std::string line_of(const ConfigProblem& problem) {
  std::string line = problem.file;
  if (problem.at.line != 0) {
    line += ':' + std::to_string(problem.at.line) + ':' + std::to_string(problem.at.column);
  }
  line += ": ";
  if (!problem.option.empty()) {
    line += problem.option + (problem.at.line == 0 ? " (not set): " : ": ");
  }
  line += problem.text;
  if (!problem.meaning.empty()) line += " (" + as_remark(problem.meaning) + ')';
  return line;
}

std::string text_of(const std::vector<ConfigProblem>& problems) {
  std::string text;
  for (const ConfigProblem& problem : problems) text += line_of(problem) + '\n';
  return text;
}

Result<ConfigFile, Problems> parse_config(std::string_view text, const std::string& file) {
  if (text.size() > kConfigSizeMax) {
    return about_the_file(file, "has more than 1 MiB; is it the right file?");
  }
  const auto toml = parse_toml(text);
  if (toml) return Reader(*toml, file).result();
  return Failure(
      Problems{{file, toml.error().at, "",
                toml.error().text +
                    " (what follows was not read; texts, sizes and rates stand in quotation marks)",
                ""}});
}

Result<ConfigFile, Problems> read_config(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return about_the_file(path, text.error());
  return parse_config(*text, path);
}

Result<ConfigFile, Problems> load_config(const std::optional<std::string>& path,
                                         const char* path_default) {
  if (path) return read_config(*path);
  if (access(path_default, F_OK) != 0 && errno == ENOENT) return ConfigFile();
  return read_config(path_default);
}

}  // namespace roost::app
