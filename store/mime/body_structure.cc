#include "base/check.h"
#include "store/mime/header_scanner.h"
#include "store/mime/imap_text.h"
#include "store/mime/structure_writer.h"

namespace hauspost::mime {

namespace {

// Walks the tree by its links: "enter" writes what stands before a part's children, "leave" what
// stands behind them.
class StructureWriter {
 public:
  StructureWriter(std::string& out, const PartTree& tree, bool extended, AddressBudget budget)
      : out_(out), tree_(tree), extended_(extended), budget_(budget) {}

  void write() {
    std::uint32_t at = 0;
    for (;;) {
      enter(tree_.parts[at]);
      if (tree_.parts[at].first_child != Part::kNone) {
        at = tree_.parts[at].first_child;
        continue;
      }
      leave(tree_.parts[at]);
      while (tree_.parts[at].next == Part::kNone) {
        at = tree_.parts[at].parent;
        if (at == Part::kNone) return;
        leave(tree_.parts[at]);
      }
      at = tree_.parts[at].next;
    }
  }

 private:
  void enter(const Part& part) {
    out_ += '(';
    if (part.kind == Part::Kind::kMultipart) return;
    put_string(out_, part.type.type);
    out_ += ' ';
    put_string(out_, part.type.subtype);
    out_ += ' ';
    put_type_parameters(part);
    put_field(part, KnownField::kContentId);
    put_field(part, KnownField::kContentDescription);
    out_ += ' ';
    const auto encoding = part.fields.get(KnownField::kContentTransferEncoding);
    put_string(out_, encoding ? parse_transfer_encoding(*encoding) : "7bit");
    put_number(part.body.size());
    if (part.kind == Part::Kind::kMessage) {
      out_ += ' ';
      write_envelope(out_, tree_.embedded_message(part)->fields, budget_);
      out_ += ' ';
    } else if (part.type.is_text()) {
      put_number(part.lines);
    }
  }

  void leave(const Part& part) {
    if (part.kind == Part::Kind::kMultipart) {
      out_ += ' ';
      put_string(out_, part.type.subtype);
      if (extended_) {
        out_ += ' ';
        put_parameters(part.type.parameters);
        put_common_extension(part);
      }
    } else {
      if (part.kind == Part::Kind::kMessage) put_number(part.lines);
      if (extended_) {
        put_field(part, KnownField::kContentMd5);
        put_common_extension(part);
      }
    }
    out_ += ')';
  }

  // Disposition, language, location.
  void put_common_extension(const Part& part) {
    out_ += ' ';
    put_disposition(part);
    out_ += ' ';
    put_languages(part);
    put_field(part, KnownField::kContentLocation);
  }

  void put_type_parameters(const Part& part) {
    const bool defaulted = part.type.parameters.empty() && part.type.is("text", "plain");
    if (defaulted) {
      out_ += "(\"charset\" \"us-ascii\")";  // RFC 2045 section 5.2
    } else {
      put_parameters(part.type.parameters);
    }
  }

  void put_parameters(const std::vector<Parameter>& parameters) {
    if (parameters.empty()) {
      out_ += "NIL";
      return;
    }
    char before = '(';
    for (const Parameter& parameter : parameters) {
      out_ += before;
      put_string(out_, parameter.name);
      out_ += ' ';
      put_string(out_, parameter.value);
      before = ' ';
    }
    out_ += ')';
  }

  void put_disposition(const Part& part) {
    const auto raw = part.fields.get(KnownField::kContentDisposition);
    const auto disposition = raw ? parse_disposition(*raw, Limits{}) : std::nullopt;
    if (!disposition) {
      out_ += "NIL";
      return;
    }
    out_ += '(';
    put_string(out_, disposition->kind);
    out_ += ' ';
    put_parameters(disposition->parameters);
    out_ += ')';
  }

  void put_languages(const Part& part) {
    const auto raw = part.fields.get(KnownField::kContentLanguage);
    const auto tags = raw ? parse_languages(*raw, Limits{}) : std::vector<std::string>{};
    if (tags.empty()) {
      out_ += "NIL";
      return;
    }
    char before = '(';
    for (const std::string& tag : tags) {
      out_ += before;
      put_string(out_, tag);
      before = ' ';
    }
    out_ += ')';
  }

  // With the space before it; an empty field is as good as none.
  void put_field(const Part& part, KnownField field) {
    out_ += ' ';
    const auto raw = part.fields.get(field);
    const std::string value = raw ? unfold(*raw) : std::string();
    put_nstring(out_, value.empty() ? std::nullopt : std::optional<std::string_view>(value));
  }

  void put_number(std::uint64_t number) { out_.append(" ").append(std::to_string(number)); }

  std::string& out_;
  const PartTree& tree_;
  bool extended_;
  AddressBudget budget_;
};

}  // namespace

void write_body_structure(std::string& out, const PartTree& tree, bool extended,
                          AddressBudget budget) {
  HP_CHECK(!tree.parts.empty());
  StructureWriter(out, tree, extended, budget).write();
}

}  // namespace hauspost::mime
