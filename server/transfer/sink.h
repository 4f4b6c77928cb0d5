// Sink: what an export is written to. Everything goes to PATH.part first, which gets the name PATH
// when it is whole and on the disk; PATH itself is never overwritten.
#pragma once

#include <memory>
#include <span>

#include "server/transfer/importer.h"
#include "store/snapshot.h"

namespace hauspost::transfer {

struct OutMessage {
  store::Body body;
  store::Uid uid;
  store::FlagBits flags = 0;
  std::vector<std::string> keywords;
  std::int64_t date_s = 0;
};

struct OutFolder {
  std::string path;
  std::vector<std::string> keywords;  // all that its messages have
};

// One thread; may block.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Result<> begin_folder(const OutFolder& folder) = 0;
  // Of the folder that was begun last; UIDs rise.
  virtual Result<> add(std::span<const OutMessage> messages) = 0;
  // All that was added is on the disk. Returns from where another sink goes on; empty: it cannot,
  // and begins anew.
  virtual Result<std::string> flush() = 0;
  // The last step: PATH is there, whole. kExists: something else took that name.
  virtual Result<> finish() = 0;
};

// `position`: what flush() returned of an export that broke off; empty: what may be left of one
// goes, and it begins anew. kExists: PATH is there; kDenied; kInvalid: it is not absolute.
Result<std::unique_ptr<Sink>> open_sink(const std::string& path, Format format,
                                        const std::string& position);
// PATH.part goes. kDenied.
Result<> remove_part(const std::string& path);

// For the sinks: PATH.part and its last step.
std::string part_of(const std::string& path);
Result<> name_whole(const std::string& path);
Result<> make_folders(const std::string& base, const std::string& below);

}  // namespace hauspost::transfer
