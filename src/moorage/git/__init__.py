"""Git's own protocols and its programs: pkt-lines, refs, packs, and the children that handle them."""
