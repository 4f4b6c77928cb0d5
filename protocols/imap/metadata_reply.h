// The METADATA response with values, shared by GETMETADATA (RFC 5464 section 4.4.1) and LIST ...
// RETURN (METADATA ...) (RFC 9590).
#pragma once

#include <span>
#include <string>

#include "protocols/imap/command.h"
#include "protocols/imap/session_core.h"
#include "store/metadata.h"

namespace hauspost::imap {

struct MetadataWanted {
  std::span<const std::string> entries;  // as the parser let them through
  MetadataDepth depth = MetadataDepth::kEntry;
  std::optional<std::uint32_t> max_size;
};

// Where this client's entries of a folder lie; null: those of the server.
store::MetadataPlace metadata_place(const Session& session, const store::Folder* folder,
                                    bool is_private);

// Writes "* METADATA ..." with what is wanted: NIL for an entry that is asked for by itself and not
// there, nothing at all when nothing is left to say. Returns the length of the longest value that
// was left out for its size; 0: none.
std::size_t write_metadata(Session& session, const store::Folder* folder,
                           const MetadataWanted& wanted);

}  // namespace hauspost::imap
