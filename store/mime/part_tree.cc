#include "store/mime/part_tree.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "store/mime/header_scanner.h"

namespace hauspost::mime {

namespace {

// Any hash will do that makes unequal boundaries cheap to tell apart.
std::uint32_t hash_of(std::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619U;
  return hash;
}

std::string_view without_trailing_white(std::string_view line) {
  const std::size_t last = line.find_last_not_of(" \t\r\n");
  return line.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

class TreeBuilder {
 public:
  TreeBuilder(std::string_view message, const Limits& limits)
      : message_(message), limits_(limits) {}

  PartTree build() {
    open(Part::kNone, false);
    while (at_ < message_.size() && !open_.empty() && !stopped_) {
      if (!in_header_ && boundaries_ == 0) break;  // only the end can follow
      take_line();
    }
    finish();
    return std::move(tree_);
  }

 private:
  struct Open {
    std::uint32_t part;
    std::uint32_t last_child = Part::kNone;
    std::size_t body_begin = 0;
    std::uint64_t lines_before = 0;
    std::string boundary;    // empty: not a multipart whose delimiters still count
    bool is_digest = false;  // children are message/rfc822 by default
  };
  enum class Delimiter { kNone, kNext, kClose };
  struct Match {
    Delimiter kind = Delimiter::kNone;
    std::size_t level = 0;  // in open_
  };

  Part& part_of(const Open& open) { return tree_.parts[open.part]; }

  void take_line() {
    const char* start = message_.data() + at_;
    const std::size_t left = message_.size() - at_;
    const void* lf = std::memchr(start, '\n', left);
    const std::size_t length =
        lf == nullptr ? left : static_cast<std::size_t>(static_cast<const char*>(lf) - start) + 1;
    const std::string_view line(start, length);
    if (boundaries_ != 0 && line.starts_with("--")) {
      const Match match = match_delimiter(without_trailing_white(line.substr(2)));
      if (match.kind != Delimiter::kNone) {
        take_delimiter(match, length);
        return;
      }
    }
    at_ += length;
    if (lf != nullptr) ++lines_;
    if (in_header_ && line_end_at(line) != 0) end_header();
  }

  Match match_delimiter(std::string_view token) const {
    if (const auto level = find_boundary(token)) return {Delimiter::kNext, *level};
    if (!token.ends_with("--")) return {};
    token.remove_suffix(2);
    if (const auto level = find_boundary(token)) return {Delimiter::kClose, *level};
    return {};
  }
  std::optional<std::size_t> find_boundary(std::string_view token) const {
    if (token.empty()) return std::nullopt;
    const std::uint32_t hash = hash_of(token);
    for (std::size_t level = open_.size(); level-- > 0;) {
      if (hashes_[level] == hash && open_[level].boundary == token) return level;
    }
    return std::nullopt;
  }

  void take_delimiter(Match match, std::size_t length) {
    close_above(match.level);
    in_header_ = false;
    at_ += length;
    ++lines_;
    Open& multipart = open_[match.level];
    if (match.kind == Delimiter::kClose) {
      multipart.boundary.clear();
      --boundaries_;
    } else {
      open(multipart.part, multipart.is_digest);
    }
  }

  // Begins the entity whose header starts at at_.
  void open(std::uint32_t parent, bool digest_child) {
    const auto index = static_cast<std::uint32_t>(tree_.parts.size());
    Part& part = tree_.parts.emplace_back();
    part.header = message_.substr(at_, 0);
    part.parent = parent;
    if (digest_child) {
      part.type.type = "message";
      part.type.subtype = "rfc822";
    }
    if (parent != Part::kNone) {
      Open& owner = open_.back();
      part.depth = tree_.parts[parent].depth + 1;
      (owner.last_child == Part::kNone ? tree_.parts[parent].first_child
                                       : tree_.parts[owner.last_child].next) = index;
      owner.last_child = index;
    }
    open_.push_back({.part = index});
    hashes_.push_back(0);
    in_header_ = true;
    if (index > 0 && tree_.parts.size() >= limits_.parts_max) {
      // The rest of the message, whatever it is.
      part.type = {"application", "octet-stream", {}};
      open_.back().body_begin = at_;
      open_.back().lines_before = lines_;
      in_header_ = false;
      stopped_ = true;
    }
  }

  void set_header(Part& part, std::size_t end) {
    const auto begin = static_cast<std::size_t>(part.header.data() - message_.data());
    part.header = message_.substr(begin, end - begin);
    part.fields = scan_known_fields(part.header);
    if (const auto raw = part.fields.get(KnownField::kContentType)) {
      part.type = parse_content_type(*raw, limits_).value_or(ContentType{});
    }
  }

  // at_ is behind the empty line of the innermost entity.
  void end_header() {
    in_header_ = false;
    Open& entity = open_.back();
    entity.body_begin = at_;
    entity.lines_before = lines_;
    Part& part = part_of(entity);
    set_header(part, at_);
    const bool multipart = iequals(part.type.type, "multipart");
    const bool message = part.type.is("message", "rfc822") || part.type.is("message", "global");
    if (!multipart && !message) return;
    if (part.depth >= limits_.depth_max) {
      part.type = {"application", "octet-stream", {}};
    } else if (message) {
      part.kind = Part::Kind::kMessage;
      open(entity.part, false);
    } else {
      begin_multipart(entity, part);
    }
  }

  void begin_multipart(Open& entity, Part& part) {
    auto boundary = decoded_parameter(part.type.parameters, "boundary");
    if (boundary) boundary = without_trailing_white(*boundary);
    if (!boundary || boundary->empty()) {
      part.type = ContentType{};  // RFC 2045 section 5.2: what cannot be read is plain text
      return;
    }
    part.kind = Part::Kind::kMultipart;
    entity.is_digest = iequals(part.type.subtype, "digest");
    hashes_.back() = hash_of(*boundary);
    entity.boundary = *std::move(boundary);
    ++boundaries_;
  }

  // Ends every entity above `level`; at_ is the start of the delimiter's line.
  void close_above(std::size_t level) {
    std::size_t end = at_;
    std::uint64_t lines = lines_;
    if (end > 0 && message_[end - 1] == '\n') {
      --end;
      --lines;
      if (end > 0 && message_[end - 1] == '\r') --end;
    }
    while (open_.size() > level + 1) close_innermost(end, lines);
  }

  void finish() {
    lines_ += static_cast<std::uint64_t>(
        std::count(message_.begin() + static_cast<std::ptrdiff_t>(at_), message_.end(), '\n'));
    at_ = message_.size();
    std::size_t end = at_;
    std::uint64_t lines = lines_;
    while (!open_.empty()) close_innermost(end, lines);
  }

  // `end` and `lines` are where its body stops. An empty body has no line end to give to the
  // boundary; then both move behind it, so that whatever encloses it holds all of it.
  void close_innermost(std::size_t& end, std::uint64_t& lines) {
    const Open entity = std::move(open_.back());
    open_.pop_back();
    hashes_.pop_back();
    if (!entity.boundary.empty()) --boundaries_;
    Part& part = part_of(entity);
    if (in_header_) {
      // No empty line: all there is is header.
      const auto begin = static_cast<std::size_t>(part.header.data() - message_.data());
      end = std::max(end, begin);
      set_header(part, end);
      part.body = message_.substr(end, 0);
      if (iequals(part.type.type, "multipart") || iequals(part.type.type, "message")) {
        part.type = {"application", "octet-stream", {}};
      }
      in_header_ = false;
      return;
    }
    end = std::max(end, entity.body_begin);
    lines = std::max(lines, entity.lines_before);
    part.body = message_.substr(entity.body_begin, end - entity.body_begin);
    if (!part.body.empty()) {
      part.lines = static_cast<std::uint32_t>(lines - entity.lines_before) +
                   (part.body.back() == '\n' ? 0 : 1);
    }
    if (part.kind == Part::Kind::kMultipart && part.first_child == Part::kNone) {
      add_empty_child(entity.part);
    }
  }

  // The grammar of BODYSTRUCTURE knows no multipart without parts.
  void add_empty_child(std::uint32_t parent) {
    const std::string_view end = tree_.parts[parent].body.substr(tree_.parts[parent].body.size());
    tree_.parts[parent].first_child = static_cast<std::uint32_t>(tree_.parts.size());
    Part& part = tree_.parts.emplace_back();
    part.header = end;
    part.body = end;
    part.parent = parent;
    part.depth = tree_.parts[parent].depth + 1;
  }

  std::string_view message_;
  const Limits& limits_;
  PartTree tree_;
  std::vector<Open> open_;  // from the message to the innermost entity
  // Of open_'s boundaries, side by side so that a line that is none costs little.
  std::vector<std::uint32_t> hashes_;
  std::size_t boundaries_ = 0;
  std::size_t at_ = 0;
  std::uint64_t lines_ = 0;  // LFs before at_
  bool in_header_ = false;   // of the innermost entity
  bool stopped_ = false;
};

// The child of that number, counted from 1.
const Part* nth_child(const PartTree& tree, const Part& part, std::uint32_t number) {
  std::uint32_t child = part.first_child;
  while (child != Part::kNone && --number != 0) child = tree.parts[child].next;
  return child == Part::kNone ? nullptr : &tree.parts[child];
}

// A message that is no multipart is its own part 1.
const Part* part_of_message(const PartTree& tree, const Part& message, std::uint32_t number) {
  if (message.kind == Part::Kind::kMultipart) return nth_child(tree, message, number);
  return number == 1 ? &message : nullptr;
}

}  // namespace

const Part* PartTree::embedded_message(const Part& part) const {
  return part.kind == Part::Kind::kMessage ? &parts[part.first_child] : nullptr;
}

const Part* PartTree::find(std::span<const std::uint32_t> number) const {
  const Part* part = nullptr;
  for (const std::uint32_t n : number) {
    if (n == 0) return nullptr;
    if (part == nullptr) {
      part = part_of_message(*this, parts[0], n);
    } else if (part->kind == Part::Kind::kMultipart) {
      part = nth_child(*this, *part, n);
    } else if (const Part* message = embedded_message(*part)) {
      part = part_of_message(*this, *message, n);
    } else {
      return nullptr;
    }
    if (part == nullptr) return nullptr;
  }
  return part;
}

PartTree parse_parts(std::string_view message, const Limits& limits) {
  return TreeBuilder(message, limits).build();
}

}  // namespace hauspost::mime
