(** Rule *difference*: blocks d = u - S w, S picking entries of w.

    The pair rule bounds what a functional has on relu x - S relu y, relu x and relu y from below by x - S y and y; it is
    sound for any slopes, so the default ones need no proof. Spec: rules.md#difference. *)
From Coq Require Import ZArith Reals List Lia Lra FMapPositive.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps plans.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** ** Selections: trees, so that an entry is found in few steps *)

Definition entries := PositiveMap.t Z.
Definition no_entries : entries := PositiveMap.empty Z.

Definition key (j : Z) : positive := Z.to_pos (j + 1).
Definition entry_at (k : positive) (m : entries) : Z := match PositiveMap.find k m with Some x => x | None => 0 end.

Fixpoint planted (k : positive) (v : list Z) (m : entries) : entries :=
  match v with [] => m | x :: v' => planted (Pos.succ k) v' (PositiveMap.add k x m) end.

(** S w, for bounds of w. *)
Definition picked (sigma : option (list Z)) (w : list Z) : list Z :=
  match sigma with
  | None => w
  | Some index => let m := planted 1 w no_entries in map (fun j => if j <? 0 then 0 else entry_at (key j) m) index
  end.

Fixpoint collected (index c : list Z) (m : entries) : entries :=
  match index, c with
  | j :: index', x :: c' =>
      collected index' c' (if j <? 0 then m else PositiveMap.add (key j) (x + entry_at (key j) m) m)
  | _, _ => m
  end.

Fixpoint listed (n : nat) (k : positive) (m : entries) : list Z :=
  match n with O => [] | S n' => entry_at k m :: listed n' (Pos.succ k) m end.

(** C S: coefficients on w, of n entries, from coefficients on S w. *)
Definition scattered (sigma : option (list Z)) (n : nat) (c : list Z) : list Z :=
  match sigma with None => c | Some index => listed n 1 (collected index c no_entries) end.

(** w's own coefficient goes with the first row that picks it. *)
Fixpoint first_picks (index : list Z) (m : entries) : list Z :=
  match index with
  | [] => []
  | j :: t => if j <? 0 then 0 :: first_picks t m
              else entry_at (key j) m :: first_picks t (PositiveMap.remove (key j) m)
  end.

Definition owned (sigma : option (list Z)) (cw : list Z) : list Z :=
  match sigma with None => cw | Some index => first_picks index (planted 1 cw no_entries) end.

(** ** The pair rule on one entry *)

(** The least of c v for v in [l, u]. *)
Definition inf (c l u : Z) : Z := Z.min (c * l) (c * u).

(** The part of [l, u] on one side of zero. *)
Definition half (positive : bool) (l u : Z) : Z * Z := if positive then (pospart l, u) else (l, negpart u).

(** The bound on a sign cell; None where nothing is in it. *)
Definition cell (delta alpha beta p q lx ux ly uy ld ud : Z) (sx sy : bool) : option Z :=
  let '(lx, ux) := half sx lx ux in
  let '(ly, uy) := half sy ly uy in
  if (lx <=? ux) && (ly <=? uy) && (Z.shiftl (lx - uy) delta <=? ud) && (ld <=? Z.shiftl (ux - ly) delta) then
    let c1 := if sx then alpha - p else - p in
    let c2 := if sy then beta - q else - q in
    let both := c1 + c2 in
    Some (Z.max (inf c1 lx ux + inf c2 ly uy)
         (Z.max (inf both ly uy + Z.shiftr (inf c1 ld ud) delta)
                (inf both lx ux + Z.shiftr (inf (- c2) ld ud) delta)))
  else None.

Definition lesser (a b : option Z) : option Z :=
  match a, b with
  | Some x, Some y => Some (Z.min x y)
  | None, _ => b
  | _, None => a
  end.

(** r with alpha relu x + beta relu y >= on_d d + on_y y + r; None where no cell is possible. *)
Definition intercept (delta alpha beta on_d on_y lx ux ly uy ld ud : Z) : option Z :=
  let p := Z.shiftl on_d delta in
  let c := cell delta alpha beta p (on_y - p) lx ux ly uy ld ud in
  lesser (lesser (c false false) (c false true)) (lesser (c true false) (c true true)).

Definition slope_bits : Z := 20.
Definition slope_one : Z := 1048576.

(** Slopes of the default lower line and of the upper line of relu on [l, u]. *)
Definition line_slopes (l u : Z) : Z * Z :=
  if (l <? 0) && (0 <? u) then
    ((if - l <? u then slope_one else 0), Z.shiftl (pospart u) slope_bits / (u - l))
  else let on := if 0 <=? l then slope_one else 0 in (on, on).

(** Slopes in d, below and above, of relu x - relu y when both signs are open, or differ. *)
Definition difference_slopes (ld ud : Z) : Z * Z :=
  if (ld <? 0) && (0 <? ud) then
    (Z.shiftl (pospart (- ld)) slope_bits / (ud - ld), Z.shiftl (pospart ud) slope_bits / (ud - ld))
  else if 0 <=? ld then (0, slope_one) else (slope_one, 0).

(** Slopes on d and y where the signs are not known to agree. *)
Definition default_slopes (delta alpha beta lx ux ly uy ld ud : Z) : Z * Z :=
  let opposite := ((0 <? alpha) && (beta <? 0)) || ((alpha <? 0) && (0 <? beta)) in
  let smaller := Z.min (Z.abs alpha) (Z.abs beta) in
  let joint := if opposite then (if 0 <? alpha then smaller else - smaller) else 0 in
  let rest_x := alpha - joint in
  let rest_y := beta + joint in
  let '(x_low, x_high) := line_slopes lx ux in
  let '(y_low, y_high) := line_slopes ly uy in
  let '(d_low, d_high) := difference_slopes ld ud in
  let p := Z.shiftr (if 0 <=? rest_x then rest_x * x_low else rest_x * x_high) slope_bits in
  let q := Z.shiftr (if 0 <=? rest_y then rest_y * y_low else rest_y * y_high) slope_bits in
  let open_x := (lx <? 0) && (0 <? ux) in
  let open_y := (ly <? 0) && (0 <? uy) in
  if Bool.eqb open_x open_y then                           (* both open, or both known and different *)
    let pair := Z.shiftr (if 0 <=? joint then joint * d_low else joint * d_high) slope_bits in
    (Z.shiftr (p + pair) delta, p + q)
  else
    let p_joint := Z.shiftr (if 0 <=? joint then joint * x_low else joint * x_high) slope_bits in
    let q_joint := Z.shiftr (if joint <=? 0 then - joint * y_low else - joint * y_high) slope_bits in
    (Z.shiftr (p + p_joint) delta, p + q + (p_joint + q_joint)).

(** Coefficients that stay on u and go to x, the inner difference and y; what was taken from w; the constant. *)
Record pushed_entry := { e_u : Z; e_w : Z; e_x : Z; e_inner : Z; e_y : Z; e_k : Z }.

(** c, cu, m: coefficients on d, u and (with this row) w. Entries without a coefficient on d, and those that are paired
    with nothing, are not touched by the rule; it is exact where both signs are known and agree. *)
Definition push_entry (delta lx ux ly uy ld ud : Z) (paired : bool) (c cu m : Z) (hint : option (Z * Z)) : option pushed_entry :=
  if c =? 0 then Some {| e_u := cu; e_w := 0; e_x := 0; e_inner := 0; e_y := 0; e_k := 0 |}
  else let shifted := Z.shiftl c delta in
  if negb paired then Some {| e_u := cu + shifted; e_w := 0; e_x := 0; e_inner := 0; e_y := 0; e_k := 0 |}
  else if (0 <=? lx) && (0 <=? ly) then Some {| e_u := 0; e_w := m; e_x := cu; e_inner := c; e_y := m; e_k := 0 |}
  else if (lx <? 0) && (ux <=? 0) && (ly <? 0) && (uy <=? 0) then
    Some {| e_u := 0; e_w := m; e_x := 0; e_inner := 0; e_y := 0; e_k := 0 |}
  else
    let alpha := cu + shifted in
    let beta := m - shifted in
    let '(on_d, on_y) := match hint with Some h => h | None => default_slopes delta alpha beta lx ux ly uy ld ud end in
    match intercept delta alpha beta on_d on_y lx ux ly uy ld ud with
    | Some r => Some {| e_u := 0; e_w := m; e_x := 0; e_inner := on_d; e_y := on_y; e_k := r |}
    | None => None
    end.

(** ** The pair rule on one row *)

Record pushed := { on_u : list Z; on_w : list Z; on_x : list Z; on_inner : list Z; on_y : list Z; push_constant : Z }.

Definition hd_slopes (hint : option (list Z * list Z)) : option (Z * Z) :=
  match hint with Some (p, t) => Some (hd 0 p, hd 0 t) | None => None end.
Definition tl_slopes (hint : option (list Z * list Z)) : option (list Z * list Z) :=
  match hint with Some (p, t) => Some (tl p, tl t) | None => None end.

(** All entries; here on_w is what was taken from S w, and on_y is on S y. Entries of [index] below zero are unpaired. *)
Fixpoint push_entries (delta : Z) (lx ux ly uy ld ud index cd cu mine : list Z) (hint : option (list Z * list Z)) : option pushed :=
  match lx, ux, ly, uy, ld, ud with
  | lx0 :: lx', ux0 :: ux', ly0 :: ly', uy0 :: uy', ld0 :: ld', ud0 :: ud' =>
      match push_entry delta lx0 ux0 ly0 uy0 ld0 ud0 (0 <=? hd 0 index) (hd 0 cd) (hd 0 cu) (hd 0 mine) (hd_slopes hint),
            push_entries delta lx' ux' ly' uy' ld' ud' (tl index) (tl cd) (tl cu) (tl mine) (tl_slopes hint) with
      | Some e, Some p =>
          Some {| on_u := e_u e :: on_u p; on_w := e_w e :: on_w p; on_x := e_x e :: on_x p;
                  on_inner := e_inner e :: on_inner p; on_y := e_y e :: on_y p; push_constant := e_k e + push_constant p |}
      | _, _ => None
      end
  | _, _, _, _, _, _ => Some {| on_u := []; on_w := []; on_x := []; on_inner := []; on_y := []; push_constant := 0 |}
  end.

Definition push_pair (delta : Z) (sigma : option (list Z)) (size_w : nat) (cd cu cw : list Z)
    (x y d : list Z * list Z) (hint : option (list Z * list Z)) : option pushed :=
  let index := match sigma with None => [] | Some index => index end in
  match push_entries delta (fst x) (snd x) (fst y) (snd y) (fst d) (snd d) index cd cu (owned sigma cw) hint with
  | None => None
  | Some p => Some {| on_u := on_u p; on_w := addl cw (map Z.opp (scattered sigma size_w (on_w p))); on_x := on_x p;
                      on_inner := on_inner p; on_y := scattered sigma size_w (on_y p); push_constant := push_constant p |}
  end.

(** C . d = (C 2^delta) . u - (C 2^delta) S . w: coefficients on u and on w. *)
Definition push_direct (delta : Z) (sigma : option (list Z)) (size_w : nat) (c : list Z) : list Z * list Z :=
  let shifted := map (fun a => Z.shiftl a delta) c in (shifted, map Z.opp (scattered sigma size_w shifted)).

(** ** Bounds of differences *)

Definition differences (delta : Z) (a b : list Z) : list Z := map (fun x => Z.shiftl x delta) (subz a b).

(** A bound of relu x - relu y: that of x - y where both are known to be >= 0, else its part [f] on one side of zero. *)
Definition relu_difference (f : Z -> Z) (lx ly d : list Z) : list Z :=
  map2 (fun (both : bool) a => if both then a else f a) (map2 (fun x y => (0 <=? x) && (0 <=? y)) lx ly) d.

Fixpoint choose (index a b : list Z) : list Z :=
  match index, a, b with
  | j :: index', x :: a', y :: b' => (if 0 <=? j then x else y) :: choose index' a' b'
  | _, _, _ => []
  end.
Definition where_paired (sigma : option (list Z)) (a b : list Z) : list Z :=
  match sigma with None => a | Some index => choose index a b end.

(** Bounds of a difference from those of its parts; [img] is the forward image of its relation, if it has one. *)
Definition enclose (blk : block) (img : list Z * list Z) (bd : bounds) : list Z * list Z :=
  match pair_of blk with
  | None => img
  | Some (u, w, sigma) =>
      let lo := differences (bk_delta blk) (lows bd u) (picked sigma (highs bd w)) in
      let hi := differences (bk_delta blk) (highs bd u) (picked sigma (lows bd w)) in
      match bk_kind blk with
      | KPairAffine _ _ _ _ => (map2 Z.max lo (fst img), map2 Z.min hi (snd img))
      | KPairRelu _ _ _ inner x y =>
          let lx := lows bd x in
          let ly := picked sigma (lows bd y) in
          (map2 Z.max lo (where_paired sigma (relu_difference negpart lx ly (lows bd inner)) lo),
           map2 Z.min hi (where_paired sigma (relu_difference pospart lx ly (highs bd inner)) hi))
      | _ => (lo, hi)
      end
  end.

(** Bounds that cross: nothing is in the leaf. *)
Fixpoint crossed (lo hi : list Z) : bool :=
  match lo, hi with l :: lo', h :: hi' => (h <? l) || crossed lo' hi' | _, _ => false end.

Definition set_bounds (bd : bounds) (b : nat) (lo hi : list Z) : option bounds :=
  if crossed lo hi then None
  else Some {| bd_lo := update b (fun _ => lo) [] (bd_lo bd); bd_hi := update b (fun _ => hi) [] (bd_hi bd) |}.

(** Bounds of u, S w and d = u - S w against each other; of w itself when S is the identity. All are computed from
    [bd] before any is stored. *)
Definition tighten (blocks : list block) (b : nat) (bd : bounds) : option bounds :=
  let blk := nth b blocks no_block in
  let delta := bk_delta blk in
  match pair_of blk with
  | None => Some bd
  | Some (u, w, sigma) =>
      let lw := picked sigma (lows bd w) in
      let uw := picked sigma (highs bd w) in
      let ld := map2 Z.max (lows bd b) (differences delta (lows bd u) uw) in
      let ud := map2 Z.min (highs bd b) (differences delta (highs bd u) lw) in
      let down := map (fun x => Z.shiftr x delta) ld in
      let up := map (fun x => - Z.shiftr (- x) delta) ud in
      let lu := map2 Z.max (lows bd u) (map2 Z.add lw down) in
      let uu := map2 Z.min (highs bd u) (map2 Z.add uw up) in
      match set_bounds bd b ld ud with
      | None => None
      | Some bd1 =>
          match set_bounds bd1 u lu uu, sigma with
          | Some bd2, None => set_bounds bd2 w (map2 Z.max lw (subz lu up)) (map2 Z.min uw (subz uu down))
          | bd2, _ => bd2
          end
      end
  end.

(** Bounds of the next block, which is a difference, after those of [bd]. *)
Definition enclose_block (blocks : list block) (img : list Z * list Z) (bd : bounds) : option bounds :=
  let b := length (bd_lo bd) in
  let '(lo, hi) := enclose (nth b blocks no_block) img bd in
  if crossed lo hi then None else tighten blocks b {| bd_lo := bd_lo bd ++ [lo]; bd_hi := bd_hi bd ++ [hi] |}.

(** Entries whose sign is open; for a difference, that of u or of S w. Only the choice of rows depends on it. *)
Definition open_signs (lo hi : list Z) : list bool := map2 (fun l h => (l <? 0) && (0 <? h)) lo hi.

Definition open_entries (blocks : list block) (b : nat) (bd : bounds) : list bool :=
  match pair_of (nth b blocks no_block) with
  | None => open_signs (lows bd b) (highs bd b)
  | Some (u, w, sigma) =>
      map2 orb (open_signs (lows bd u) (highs bd u)) (open_signs (picked sigma (lows bd w)) (picked sigma (highs bd w)))
  end.

(** ** Selections are what they mean *)

Open Scope R_scope.

Lemma entry_add k j x m : entry_at k (PositiveMap.add j x m) = if Pos.eqb k j then x else entry_at k m.
Proof.
  unfold entry_at. destruct (Pos.eqb_spec k j) as [-> | N].
  - rewrite PositiveMap.gss. reflexivity.
  - rewrite PositiveMap.gso by assumption. reflexivity.
Qed.

Lemma entry_planted v : forall k m j,
  entry_at j (planted k v m) =
  if (Pos.to_nat k <=? Pos.to_nat j)%nat && (Pos.to_nat j - Pos.to_nat k <? length v)%nat
  then nth (Pos.to_nat j - Pos.to_nat k) v 0%Z else entry_at j m.
Proof.
  induction v as [|x v IH]; intros k m j; simpl planted.
  - simpl length. destruct (Nat.leb_spec (Pos.to_nat k) (Pos.to_nat j)); simpl; reflexivity.
  - rewrite IH, entry_add. destruct (Pos.eqb_spec j k) as [-> | N].
    + rewrite Pos2Nat.inj_succ, Nat.sub_diag, Nat.leb_refl.
      destruct (Nat.leb_spec (S (Pos.to_nat k)) (Pos.to_nat k)); [lia | reflexivity].
    + assert (Pos.to_nat j <> Pos.to_nat k) by (rewrite Pos2Nat.inj_iff; assumption).
      rewrite Pos2Nat.inj_succ. simpl length.
      destruct (Nat.leb_spec (S (Pos.to_nat k)) (Pos.to_nat j)), (Nat.leb_spec (Pos.to_nat k) (Pos.to_nat j)); try lia; [|reflexivity].
      replace (Pos.to_nat j - Pos.to_nat k)%nat with (S (Pos.to_nat j - S (Pos.to_nat k))) by lia. simpl andb.
      destruct (Nat.ltb_spec (Pos.to_nat j - S (Pos.to_nat k)) (length v)),
        (Nat.ltb_spec (S (Pos.to_nat j - S (Pos.to_nat k))) (S (length v))); try lia; reflexivity.
Qed.

Lemma key_nat j : (0 <= j)%Z -> Pos.to_nat (key j) = S (Z.to_nat j).
Proof. intros P. unfold key. rewrite <- Z2Nat.inj_pos, Z2Pos.id, Z2Nat.inj_add by lia. simpl. lia. Qed.

Lemma entry_at_list v j : (0 <= j)%Z -> entry_at (key j) (planted 1 v no_entries) = nth (Z.to_nat j) v 0%Z.
Proof.
  intros P. rewrite entry_planted, key_nat by assumption. replace (S (Z.to_nat j) - Pos.to_nat 1)%nat with (Z.to_nat j) by lia.
  destruct (Nat.leb_spec (Pos.to_nat 1) (S (Z.to_nat j))); [|lia].
  destruct (Nat.ltb_spec (Z.to_nat j) (length v)); simpl; [reflexivity|].
  rewrite nth_overflow by assumption. unfold entry_at, no_entries. rewrite PositiveMap.gempty. reflexivity.
Qed.

Lemma picked_is sigma v : picked sigma v = match sigma with None => v | Some index => map (nthz 0%Z v) index end.
Proof.
  destruct sigma as [index|]; [|reflexivity]. unfold picked. apply map_ext. intros j. unfold nthz.
  destruct (Z.ltb_spec j 0); [reflexivity | apply entry_at_list; assumption].
Qed.

Lemma within_nthz lo hi v j : within lo hi v -> IZR (nthz 0%Z lo j) <= nthz 0 v j <= IZR (nthz 0%Z hi j).
Proof.
  intros W. unfold nthz. destruct (Z.ltb_spec j 0); [lra|].
  destruct (Nat.lt_ge_cases (Z.to_nat j) (length v)) as [L | G]; [apply within_nth; assumption|].
  destruct (within_length _ _ _ W). rewrite !nth_overflow by lia. lra.
Qed.

Lemma within_picked sigma lo hi v : within lo hi v -> within (picked sigma lo) (picked sigma hi) (gathered sigma v).
Proof.
  intros W. rewrite !picked_is. destruct sigma as [index|]; [|assumption]. simpl. unfold gather.
  induction index; simpl; constructor; [apply within_nthz|]; assumption.
Qed.

Lemma gathered_relu sigma v : gathered sigma (map relu v) = map relu (gathered sigma v).
Proof.
  destruct sigma as [index|]; [|reflexivity]. simpl. unfold gather. rewrite map_map. apply map_ext. intros j. unfold nthz.
  assert (Z0 : relu 0 = 0) by (unfold relu, Rmax; destruct Rle_dec; reflexivity).
  destruct (j <? 0)%Z; [auto|]. rewrite <- Z0 at 1. apply map_nth.
Qed.

Definition reach (k j : positive) (v : list R) : R :=
  if (Pos.to_nat k <=? Pos.to_nat j)%nat then nth (Pos.to_nat j - Pos.to_nat k) v 0 else 0.

Lemma dot_listed_add j x m v : forall k,
  dot (listed (length v) k (PositiveMap.add j (x + entry_at j m)%Z m)) v = dot (listed (length v) k m) v + IZR x * reach k j v.
Proof.
  unfold reach. induction v as [|z v IH]; intros k.
  - rewrite !dot_nil_r. destruct (Pos.to_nat k <=? Pos.to_nat j)%nat; [rewrite nth_overflow by apply Nat.le_0_l|]; lra.
  - simpl listed. rewrite !dot_cons, IH, entry_add, Pos2Nat.inj_succ. destruct (Pos.eqb_spec k j) as [-> | N].
    + rewrite Nat.leb_refl, Nat.sub_diag, plus_IZR. simpl nth.
      destruct (Nat.leb_spec (S (Pos.to_nat j)) (Pos.to_nat j)); [lia | lra].
    + assert (Pos.to_nat k <> Pos.to_nat j) by (rewrite Pos2Nat.inj_iff; assumption).
      destruct (Nat.leb_spec (S (Pos.to_nat k)) (Pos.to_nat j)), (Nat.leb_spec (Pos.to_nat k) (Pos.to_nat j)); try lia; [|lra].
      replace (Pos.to_nat j - Pos.to_nat k)%nat with (S (Pos.to_nat j - S (Pos.to_nat k))) by lia. simpl nth. lra.
Qed.

Lemma dot_collected v index : forall c m,
  dot (listed (length v) 1 (collected index c m)) v = dot (listed (length v) 1 m) v + dot c (gather index v).
Proof.
  induction index as [|j index IH]; intros [|x c] m; unfold gather; simpl; rewrite ?dot_nil_r; try lra;
    try (unfold dot at 3; simpl; lra).
  fold (gather index v). rewrite dot_cons, IH. unfold nthz. destruct (Z.ltb_spec j 0) as [N | P]; [lra|].
  rewrite dot_listed_add. unfold reach. rewrite key_nat by assumption.
  destruct (Nat.leb_spec (Pos.to_nat 1) (S (Z.to_nat j))); [|lia].
  replace (S (Z.to_nat j) - Pos.to_nat 1)%nat with (Z.to_nat j) by lia. lra.
Qed.

Lemma dot_no_entries v : forall k, dot (listed (length v) k no_entries) v = 0.
Proof.
  induction v as [|z v IH]; intros k; [reflexivity|]. simpl listed. rewrite dot_cons, IH.
  unfold entry_at, no_entries. rewrite PositiveMap.gempty. lra.
Qed.

Lemma dot_scattered sigma n c v : length v = n -> dot (scattered sigma n c) v = dot c (gathered sigma v).
Proof.
  intros <-. destruct sigma as [index|]; [|reflexivity]. simpl. rewrite dot_collected, dot_no_entries. lra.
Qed.

(** ** The pair rule is sound *)

Lemma shiftl_IZR x t : (0 <= t)%Z -> IZR (Z.shiftl x t) = IZR x * pow2 t.
Proof. intros P. rewrite Z.shiftl_mul_pow2, mult_IZR, pow2_IZR by assumption. reflexivity. Qed.

Lemma shiftr_le x t : IZR (Z.shiftr x t) <= IZR x / pow2 t.
Proof. rewrite <- Z.shiftl_opp_r. unfold Rdiv. rewrite <- bpow_opp. apply (shift_down_le x (- t)). Qed.

Lemma inf_le c l u v : IZR l <= v <= IZR u -> IZR (inf c l u) <= IZR c * v.
Proof.
  intros B. unfold inf. destruct (Z.le_gt_cases 0 c) as [P | N].
  - apply Rle_trans with (IZR (c * l)); [apply IZR_le, Z.le_min_l|].
    rewrite mult_IZR. apply Rmult_le_compat_l; [apply IZR_le; assumption | lra].
  - apply Rle_trans with (IZR (c * u)); [apply IZR_le, Z.le_min_r|].
    rewrite mult_IZR. apply Rmult_le_compat_neg_l; [apply IZR_le; lia | lra].
Qed.

Lemma max_le (a b : Z) (r : R) : IZR a <= r -> IZR b <= r -> IZR (Z.max a b) <= r.
Proof. intros A B. destruct (Z.max_spec a b) as [[_ ->] | [_ ->]]; assumption. Qed.

(** For c1 x + c2 y any tau gives a bound: (c1 - tau) x + (c2 + tau) y + tau (x - y); tau is 0, c1 or -c2. *)
Lemma cell_le delta c1 c2 lx ux ly uy ld ud x y : (0 <= delta)%Z ->
  IZR lx <= x <= IZR ux -> IZR ly <= y <= IZR uy -> IZR ld <= (x - y) * pow2 delta <= IZR ud ->
  IZR (Z.max (inf c1 lx ux + inf c2 ly uy)
      (Z.max (inf (c1 + c2) ly uy + Z.shiftr (inf c1 ld ud) delta)
             (inf (c1 + c2) lx ux + Z.shiftr (inf (- c2) ld ud) delta))) <= IZR c1 * x + IZR c2 * y.
Proof.
  intros D X Y B. assert (P : 0 < pow2 delta) by apply pow2_pos.
  assert (S : forall c, IZR (Z.shiftr (inf c ld ud) delta) <= IZR c * (x - y)).
  { intros c. eapply Rle_trans; [apply shiftr_le|]. apply (Rmult_le_reg_r (pow2 delta)); [assumption|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r, Rmult_assoc by lra. apply inf_le; assumption. }
  repeat apply max_le; rewrite plus_IZR.
  - pose proof (inf_le c1 _ _ _ X). pose proof (inf_le c2 _ _ _ Y). lra.
  - pose proof (inf_le (c1 + c2) _ _ _ Y) as H. specialize (S c1). rewrite plus_IZR in H. lra.
  - pose proof (inf_le (c1 + c2) _ _ _ X) as H. specialize (S (- c2)%Z). rewrite plus_IZR in H. rewrite opp_IZR in S. lra.
Qed.

Definition on_side (positive : bool) (x : R) : Prop := if positive then 0 <= x else x <= 0.

Lemma half_means s l u x : on_side s x -> IZR l <= x <= IZR u -> IZR (fst (half s l u)) <= x <= IZR (snd (half s l u)).
Proof.
  unfold half, on_side, pospart, negpart. destruct s; simpl; intros S B; split; try tauto.
  - destruct (Z.max_spec l 0) as [[_ ->] | [_ ->]]; tauto.
  - destruct (Z.min_spec u 0) as [[_ ->] | [_ ->]]; tauto.
Qed.

Lemma relu_side s x : on_side s x -> relu x = if s then x else 0.
Proof. unfold relu, Rmax, on_side. destruct s, (Rle_dec x 0); lra. Qed.

Lemma cell_correct delta alpha beta on_d on_y lx ux ly uy ld ud sx sy x y : (0 <= delta)%Z ->
  IZR lx <= x <= IZR ux -> IZR ly <= y <= IZR uy -> IZR ld <= (x - y) * pow2 delta <= IZR ud -> on_side sx x -> on_side sy y ->
  exists r, cell delta alpha beta (Z.shiftl on_d delta) (on_y - Z.shiftl on_d delta) lx ux ly uy ld ud sx sy = Some r
    /\ IZR r <= IZR alpha * relu x + IZR beta * relu y - IZR on_d * ((x - y) * pow2 delta) - IZR on_y * y.
Proof.
  intros D X Y B SX SY. apply (half_means sx) in X; [|assumption]. apply (half_means sy) in Y; [|assumption].
  unfold cell. destruct (half sx lx ux) as [lx' ux'], (half sy ly uy) as [ly' uy']. simpl in X, Y.
  assert (P : 0 < pow2 delta) by apply pow2_pos.
  assert (A1 : (lx' <=? ux')%Z = true) by (apply Z.leb_le, le_IZR; lra).
  assert (A2 : (ly' <=? uy')%Z = true) by (apply Z.leb_le, le_IZR; lra).
  assert (A3 : (Z.shiftl (lx' - uy') delta <=? ud)%Z = true).
  { apply Z.leb_le, le_IZR. rewrite shiftl_IZR, minus_IZR by assumption.
    apply Rle_trans with ((x - y) * pow2 delta); [apply Rmult_le_compat_r; lra | tauto]. }
  assert (A4 : (ld <=? Z.shiftl (ux' - ly') delta)%Z = true).
  { apply Z.leb_le, le_IZR. rewrite shiftl_IZR, minus_IZR by assumption.
    apply Rle_trans with ((x - y) * pow2 delta); [tauto | apply Rmult_le_compat_r; lra]. }
  rewrite A1, A2, A3, A4. simpl andb. cbv iota zeta. eexists. split; [reflexivity|].
  eapply Rle_trans; [apply (cell_le delta _ _ lx' ux' ly' uy' ld ud x y); assumption|].
  rewrite (relu_side sx x), (relu_side sy y) by assumption.
  destruct sx, sy; rewrite ?opp_IZR, ?minus_IZR, ?shiftl_IZR by assumption; lra.
Qed.

Lemma lesser_le a b c r : (exists k, a = Some k /\ IZR k <= r) \/ (exists k, b = Some k /\ IZR k <= r) ->
  lesser a b = c -> exists k, c = Some k /\ IZR k <= r.
Proof.
  intros H <-. destruct a as [x|], b as [y|]; simpl.
  - exists (Z.min x y). split; [reflexivity|]. destruct H as [[k [E L]] | [k [E L]]]; injection E as <-;
      (eapply Rle_trans; [|exact L]); apply IZR_le; lia.
  - destruct H as [H | [k [E _]]]; [exact H | discriminate].
  - destruct H as [[k [E _]] | H]; [discriminate | exact H].
  - destruct H as [H | H]; exact H.
Qed.

(** alpha relu x + beta relu y >= P (x - y) 2^delta + T y + r, for any P and T. *)
Theorem intercept_correct delta alpha beta on_d on_y lx ux ly uy ld ud x y : (0 <= delta)%Z ->
  IZR lx <= x <= IZR ux -> IZR ly <= y <= IZR uy -> IZR ld <= (x - y) * pow2 delta <= IZR ud ->
  exists r, intercept delta alpha beta on_d on_y lx ux ly uy ld ud = Some r
    /\ IZR on_d * ((x - y) * pow2 delta) + IZR on_y * y + IZR r <= IZR alpha * relu x + IZR beta * relu y.
Proof.
  intros D X Y B.
  enough (exists r, intercept delta alpha beta on_d on_y lx ux ly uy ld ud = Some r
    /\ IZR r <= IZR alpha * relu x + IZR beta * relu y - IZR on_d * ((x - y) * pow2 delta) - IZR on_y * y) as [r [E L]].
  { exists r. split; [exact E | lra]. }
  assert (S : forall z, on_side false z \/ on_side true z) by (intros z; unfold on_side; lra).
  assert (H := fun sx sy => cell_correct delta alpha beta on_d on_y lx ux ly uy ld ud sx sy x y D X Y B).
  unfold intercept. cbv zeta. eapply lesser_le; [|reflexivity].
  destruct (S x) as [SX | SX], (S y) as [SY | SY]; [left | left | right | right]; (eapply lesser_le; [|reflexivity]);
    [left | right | left | right]; apply H; assumption.
Qed.

Lemma relu_0 : relu 0 = 0.
Proof. unfold relu, Rmax. destruct Rle_dec; reflexivity. Qed.

Lemma push_entry_correct delta lx ux ly uy ld ud paired c cu m hint x y d : (0 <= delta)%Z ->
  IZR lx <= x <= IZR ux -> IZR ly <= y <= IZR uy -> IZR ld <= d <= IZR ud -> d = (x - y) * pow2 delta ->
  (paired = false -> y = 0) ->
  match push_entry delta lx ux ly uy ld ud paired c cu m hint with
  | Some e => IZR (e_u e) * relu x + IZR (e_x e) * x + IZR (e_inner e) * d + IZR (e_y e) * y + IZR (e_k e)
              <= IZR c * ((relu x - relu y) * pow2 delta) + IZR cu * relu x + IZR (e_w e) * relu y
  | None => False
  end.
Proof.
  intros P X Y D E U. unfold push_entry.
  destruct (Z.eqb_spec c 0) as [-> | _]; [simpl; lra|]. cbv zeta.
  destruct paired; simpl negb; cbv iota.
  2:{ simpl. rewrite plus_IZR, shiftl_IZR, (U eq_refl), relu_0 by assumption. lra. }
  destruct (andb _ _) eqn:S1.
  { apply andb_prop in S1. destruct S1 as [L1 L2]. apply Z.leb_le, IZR_le in L1, L2. simpl.
    rewrite (relu_side true x), (relu_side true y) by (simpl; lra). subst d. lra. }
  clear S1. destruct (andb _ (uy <=? 0)%Z) eqn:S2.
  { apply andb_prop in S2. destruct S2 as [S2 L2]. apply andb_prop in S2. destruct S2 as [S2 _].
    apply andb_prop in S2. destruct S2 as [_ L1]. apply Z.leb_le, IZR_le in L1, L2. simpl.
    rewrite (relu_side false x), (relu_side false y) by (simpl; lra). lra. }
  clear S2. destruct (match hint with Some _ => _ | None => _ end) as [on_d on_y].
  rewrite E in D.
  destruct (intercept_correct delta (cu + Z.shiftl c delta) (m - Z.shiftl c delta) on_d on_y lx ux ly uy ld ud x y P X Y D)
    as [r [I L]].
  rewrite I. simpl. rewrite plus_IZR, minus_IZR, shiftl_IZR in L by assumption. subst d. lra.
Qed.

Lemma dot_hd_tl c x v : dot c (x :: v) = IZR (hd 0%Z c) * x + dot (tl c) v.
Proof. destruct c; [unfold dot; simpl; lra | apply dot_cons]. Qed.

Lemma push_entries_correct delta : (0 <= delta)%Z -> forall lx ux xs, within lx ux xs -> forall ly uy ys ld ud ds index cd cu mine hint,
  within ly uy ys -> within ld ud ds -> length xs = length ds -> length ys = length ds ->
  ds = map2 (fun a b => (a - b) * pow2 delta) xs ys ->
  (forall i, (nth i index 0 < 0)%Z -> nth i ys 0 = 0) ->
  match push_entries delta lx ux ly uy ld ud index cd cu mine hint with
  | Some p => dot (on_u p) (map relu xs) + dot (on_x p) xs + dot (on_inner p) ds + dot (on_y p) ys + IZR (push_constant p)
      <= dot cd (map2 (fun a b => (a - b) * pow2 delta) (map relu xs) (map relu ys))
         + dot cu (map relu xs) + dot (on_w p) (map relu ys)
  | None => False
  end.
Proof.
  intros P lx ux xs WX. induction WX as [|lx0 ux0 x lx ux xs BX WX IH]; intros ly uy ys ld ud ds index cd cu mine hint WY WD L1 L2 E U.
  - simpl. rewrite !dot_nil_r. unfold dot; simpl. lra.
  - revert E. inversion WY as [|ly0 uy0 y ly' uy' ys' BY WY']; subst ys; [simpl in *; congruence|].
    inversion WD as [|ld0 ud0 d ld' ud' ds' BD WD']; subst ds; [simpl in *; congruence|].
    intros E. simpl map2 in *. simpl map. injection E as E0 E. simpl length in *. injection L1 as L1. injection L2 as L2.
    simpl push_entries.
    assert (U0 : (0 <=? hd 0 index)%Z = false -> y = 0).
    { intros N. apply Z.leb_gt in N. apply (U 0%nat). destruct index; [simpl in N; lia | exact N]. }
    pose proof (push_entry_correct delta lx0 ux0 ly0 uy0 ld0 ud0 _ (hd 0%Z cd) (hd 0%Z cu) (hd 0%Z mine) (hd_slopes hint)
                  x y d P BX BY BD E0 U0) as HE.
    assert (U1 : forall i, (nth i (tl index) 0 < 0)%Z -> nth i ys' 0 = 0).
    { intros i N. apply (U (S i)). destruct index; [destruct i; simpl in N; lia | exact N]. }
    specialize (IH ly' uy' ys' ld' ud' ds' (tl index) (tl cd) (tl cu) (tl mine) (tl_slopes hint) WY' WD' L1 L2 E U1).
    destruct (push_entry _ _ _ _ _ _ _ _ _ _ _ _) as [e|]; [|exact HE].
    destruct (push_entries _ _ _ _ _ _ _ _ _ _ _ _) as [p|]; [|exact IH].
    simpl. rewrite !dot_cons, (dot_hd_tl cd), (dot_hd_tl cu), plus_IZR. lra.
Qed.

(** Soundness needs nothing of sigma: entries out of range pick nothing. *)
Theorem push_pair_correct delta sigma size_w cd cu cw x y d hint xs ys ds us ws Ds : (0 <= delta)%Z ->
  within (fst x) (snd x) xs -> within (fst y) (snd y) (gathered sigma ys) -> within (fst d) (snd d) ds ->
  difference_means delta sigma xs ys ds -> us = map relu xs -> ws = map relu ys -> length ws = size_w ->
  difference_means delta sigma us ws Ds ->
  match push_pair delta sigma size_w cd cu cw x y d hint with
  | Some p => dot (on_u p) us + dot (on_w p) ws + dot (on_x p) xs + dot (on_inner p) ds + dot (on_y p) ys + IZR (push_constant p)
              <= dot cd Ds + dot cu us + dot cw ws
  | None => False
  end.
Proof.
  intros P WX WY WD [L1 [L2 E]] -> -> S [_ [_ ->]]. unfold push_pair.
  assert (U : forall i, (nth i (match sigma with None => [] | Some index => index end) 0 < 0)%Z -> nth i (gathered sigma ys) 0 = 0).
  { intros i N. destruct sigma as [index|]; [|destruct i; simpl in N; lia]. simpl. unfold gather.
    destruct (Nat.lt_ge_cases i (length index)) as [L | G].
    - rewrite nth_indep with (d' := nthz 0%R ys 0%Z) by (rewrite map_length; assumption). rewrite (map_nth (nthz 0%R ys)). unfold nthz.
      destruct (Z.ltb_spec (nth i index 0%Z) 0); [reflexivity | lia].
    - apply nth_overflow. rewrite map_length. assumption. }
  pose proof (push_entries_correct delta P _ _ _ WX _ _ _ _ _ _
    (match sigma with None => [] | Some index => index end) cd cu (owned sigma cw) hint WY WD L1 L2 E U) as H.
  destruct (push_entries _ _ _ _ _ _ _ _ _ _ _ _) as [p|]; [|exact H]. simpl.
  rewrite dot_addl, dot_opp, !dot_scattered, gathered_relu by (rewrite map_length in S; rewrite ?map_length; assumption). lra.
Qed.

Lemma dot_map_shiftl delta c : (0 <= delta)%Z -> forall v, dot (map (fun a => Z.shiftl a delta) c) v = pow2 delta * dot c v.
Proof.
  intros P. induction c as [|a c IH]; intros [|x v]; try (unfold dot; simpl; lra).
  simpl map. rewrite !dot_cons, IH, shiftl_IZR by assumption. lra.
Qed.

Lemma dot_differences delta c : forall u w, length u = length w ->
  dot c (map2 (fun a b => (a - b) * pow2 delta) u w) = pow2 delta * dot c u - pow2 delta * dot c w.
Proof.
  induction c as [|k c IH]; intros [|x u] [|y w] L; simpl in L; try discriminate; rewrite ?dot_nil_r; try (unfold dot; simpl; lra).
  simpl map2. rewrite !dot_cons, IH by lia. lra.
Qed.

Theorem push_direct_correct delta sigma size_w c u w d : (0 <= delta)%Z -> length w = size_w ->
  difference_means delta sigma u w d ->
  dot (fst (push_direct delta sigma size_w c)) u + dot (snd (push_direct delta sigma size_w c)) w = dot c d.
Proof.
  intros P S [L1 [L2 ->]]. unfold push_direct. simpl.
  rewrite dot_opp, dot_scattered, !dot_map_shiftl, dot_differences by congruence. lra.
Qed.

(** ** Bounds are sound *)

Lemma within_meet lo hi v : within lo hi v -> forall lo' hi', within lo' hi' v -> within (map2 Z.max lo lo') (map2 Z.min hi hi') v.
Proof.
  induction 1 as [|l h x lo hi v B W IH]; intros lo' hi' W'; inversion W'; subst; simpl; constructor; [|apply IH; assumption].
  split; [apply max_le; tauto|]. destruct (Z.min_spec h h0) as [[_ ->] | [_ ->]]; tauto.
Qed.

Lemma within_map (f g : Z -> Z) (h : R -> R) :
  (forall l u x, IZR l <= x <= IZR u -> IZR (f l) <= h x <= IZR (g u)) ->
  forall lo hi v, within lo hi v -> within (map f lo) (map g hi) (map h v).
Proof. intros H lo hi v. induction 1; simpl; constructor; [apply H|]; assumption. Qed.

Lemma within_plus lo hi v : within lo hi v -> forall lo' hi' v', within lo' hi' v' -> length v = length v' ->
  within (map2 Z.add lo lo') (map2 Z.add hi hi') (map2 Rplus v v').
Proof.
  induction 1; intros lo' hi' v' W' L; inversion W'; subst; simpl in *; try discriminate; constructor; [rewrite !plus_IZR; lra|].
  apply IHwithin; [assumption | lia].
Qed.

Lemma within_minus lo hi v : within lo hi v -> forall lo' hi' v', within lo' hi' v' -> length v = length v' ->
  within (subz lo hi') (subz hi lo') (map2 Rminus v v').
Proof.
  induction 1; intros lo' hi' v' W' L; inversion W'; subst; simpl in *; try discriminate; constructor; [rewrite !minus_IZR; lra|].
  apply IHwithin; [assumption | lia].
Qed.

(** d, u and S w from the two others. *)
Lemma difference_vectors delta : forall u w d, length u = length d -> length w = length d ->
  d = map2 (fun a b => (a - b) * pow2 delta) u w ->
  d = map (fun x => x * pow2 delta) (map2 Rminus u w)
  /\ u = map2 Rplus w (map (fun x => x / pow2 delta) d) /\ w = map2 Rminus u (map (fun x => x / pow2 delta) d).
Proof.
  assert (P : pow2 delta <> 0) by (apply Rgt_not_eq, pow2_pos).
  induction u as [|x u IH]; intros [|y w] [|z d] L1 L2 E; simpl in *; try discriminate; [auto|].
  injection E as E0 E. destruct (IH w d) as [A [B C]]; [lia | lia | assumption|].
  rewrite <- A, <- B, <- C, E0. repeat split; f_equal; field; assumption.
Qed.

Lemma within_differences delta lu uu u lw uw w : (0 <= delta)%Z -> within lu uu u -> within lw uw w -> length u = length w ->
  within (differences delta lu uw) (differences delta uu lw) (map (fun x => x * pow2 delta) (map2 Rminus u w)).
Proof.
  intros P U W L. unfold differences. apply (within_map _ _ (fun x => x * pow2 delta)).
  - intros l h x B. rewrite !shiftl_IZR by assumption. split; (apply Rmult_le_compat_r; [apply Rlt_le, pow2_pos | tauto]).
  - apply within_minus; assumption.
Qed.

Lemma within_parts delta ld ud d : within ld ud d ->
  within (map (fun x => Z.shiftr x delta) ld) (map (fun x => - Z.shiftr (- x) delta)%Z ud) (map (fun x => x / pow2 delta) d).
Proof.
  apply (within_map _ _ (fun x => x / pow2 delta)). intros l h x B.
  assert (P : 0 <= / pow2 delta) by (apply Rlt_le, Rinv_0_lt_compat, pow2_pos). split.
  - eapply Rle_trans; [apply shiftr_le|]. apply Rmult_le_compat_r; tauto.
  - pose proof (shiftr_le (- h) delta) as H. rewrite opp_IZR in *.
    assert (x / pow2 delta <= IZR h / pow2 delta) by (apply Rmult_le_compat_r; tauto). lra.
Qed.

Lemma relu_difference_between delta x y : 0 < pow2 delta -> let d := (x - y) * pow2 delta in
  Rmin d 0 <= (relu x - relu y) * pow2 delta <= Rmax d 0.
Proof.
  intros P d. unfold d.
  assert (H : (relu x - relu y <= x - y \/ relu x - relu y <= 0) /\ (x - y <= relu x - relu y \/ 0 <= relu x - relu y)).
  { unfold relu, Rmax. destruct (Rle_dec x 0), (Rle_dec y 0); lra. }
  destruct H as [A B]. split.
  - destruct B as [B | B]; [eapply Rle_trans; [apply Rmin_l|] | eapply Rle_trans; [apply Rmin_r|]].
    + apply Rmult_le_compat_r; lra.
    + apply Rmult_le_pos; lra.
  - destruct A as [A | A]; [eapply Rle_trans; [|apply Rmax_l] | eapply Rle_trans; [|apply Rmax_r]].
    + apply Rmult_le_compat_r; lra.
    + assert ((relu x - relu y) * pow2 delta <= 0 * pow2 delta) by (apply Rmult_le_compat_r; lra). lra.
Qed.

Lemma within_relu_difference delta lx ux x : within lx ux x -> forall ly uy y ld ud d,
  within ly uy y -> within ld ud d -> length x = length d -> length y = length d ->
  d = map2 (fun a b => (a - b) * pow2 delta) x y ->
  within (relu_difference negpart lx ly ld) (relu_difference pospart lx ly ud)
    (map2 (fun a b => (a - b) * pow2 delta) (map relu x) (map relu y)).
Proof.
  intros W. unfold relu_difference.
  induction W as [|l h a lx ux x B W IH]; intros ly uy y ld ud d WY WD L1 L2 E; [constructor|].
  revert E. inversion WY as [|ly0 uy0 y0 ly' uy' y' BY WY']; subst y; [simpl in *; congruence|].
  inversion WD as [|ld0 ud0 d0 ld' ud' d' BD WD']; subst d; [simpl in *; congruence|].
  intros E. simpl in *. injection E as E0 E.
  constructor; [|apply (IH ly' uy' y' ld' ud' d'); [assumption | assumption | lia | lia | exact E]].
  destruct (andb _ _) eqn:S1.
  - apply andb_prop in S1. destruct S1 as [S1 S2]. apply Z.leb_le, IZR_le in S1, S2.
    rewrite (relu_side true a), (relu_side true y0) by (simpl; lra). rewrite <- E0. exact BD.
  - pose proof (relu_difference_between delta a y0 (pow2_pos delta)) as [A C]. cbv zeta in A, C. rewrite <- E0 in A, C.
    unfold negpart, pospart. split.
    + eapply Rle_trans; [|exact A]. apply Rmin_glb; [apply Rle_trans with (IZR ld0); [apply IZR_le; lia | tauto] | apply IZR_le; lia].
    + eapply Rle_trans; [exact C|]. apply Rmax_lub; [apply Rle_trans with (IZR ud0); [tauto | apply IZR_le; lia] | apply IZR_le; lia].
Qed.

Lemma within_choose index : forall lo hi lo' hi' v, length index = length v -> within lo hi v -> within lo' hi' v ->
  within (choose index lo lo') (choose index hi hi') v.
Proof.
  induction index as [|j index IH]; intros lo hi lo' hi' v L W W'; inversion W; subst; inversion W'; subst; simpl in *;
    try discriminate; constructor; [destruct (0 <=? j)%Z; assumption | apply IH; [lia | assumption | assumption]].
Qed.

Lemma crossed_within lo hi v : within lo hi v -> crossed lo hi = false.
Proof.
  induction 1 as [|l h x lo hi v B W IH]; [reflexivity|]. simpl. rewrite IH, Bool.orb_false_r.
  apply Z.ltb_ge, le_IZR. lra.
Qed.

Lemma update_length {A} (f : A -> A) x l : forall n, (n < length l)%nat -> length (update n f x l) = length l.
Proof. induction l as [|a l IH]; intros [|n] L; simpl in *; try lia. rewrite IH; lia. Qed.

Lemma nth_update {A} (x : A) d e l : forall n i, (n < length l)%nat ->
  nth i (update n (fun _ => x) e l) d = if Nat.eqb i n then x else nth i l d.
Proof.
  induction l as [|a l IH]; intros [|n] [|i] L; simpl in *; try lia; try reflexivity. apply IH; lia.
Qed.

Lemma set_bounds_correct bd vals b lo hi : bounds_hold bd vals -> (b < length (bd_lo bd))%nat -> within lo hi (values vals b) ->
  exists bd', set_bounds bd b lo hi = Some bd' /\ bounds_hold bd' vals /\ length (bd_lo bd') = length (bd_lo bd).
Proof.
  intros [E [L H]] B W. unfold set_bounds. rewrite (crossed_within _ _ _ W). eexists. split; [reflexivity|].
  unfold bounds_hold, lows, highs in *. simpl. rewrite !update_length by lia. repeat split; try assumption.
  intros i I. rewrite !nth_update by lia. destruct (Nat.eqb_spec i b) as [-> | N]; [assumption | apply H; assumption].
Qed.

Lemma append_bounds_correct bd vals lo hi : bounds_hold bd vals -> (length (bd_lo bd) < length vals)%nat ->
  within lo hi (values vals (length (bd_lo bd))) -> bounds_hold {| bd_lo := bd_lo bd ++ [lo]; bd_hi := bd_hi bd ++ [hi] |} vals.
Proof.
  intros [E [L H]] B W. unfold bounds_hold, lows, highs in *. simpl. rewrite !app_length. simpl. repeat split; try lia.
  intros i I. destruct (Nat.eq_dec i (length (bd_lo bd))) as [-> | N].
  - rewrite !app_nth2, <- E, Nat.sub_diag by lia. simpl. assumption.
  - rewrite !app_nth1 by lia. apply H. lia.
Qed.

Lemma earlier_sources blocks b : earlier blocks = true -> (b < length blocks)%nat ->
  forall s, In s (sources (nth b blocks no_block)) -> (s < b)%nat.
Proof.
  unfold earlier. intros E. assert (H : forall n, earlier_from n blocks = true -> forall b, (b < length blocks)%nat ->
    forall s, In s (sources (nth b blocks no_block)) -> (s < n + b)%nat).
  { clear. induction blocks as [|x blocks IH]; intros n E b L s I; simpl in *; [lia|].
    apply andb_prop in E. destruct E as [E1 E2]. destruct b as [|b].
    - rewrite forallb_forall in E1. specialize (E1 s I). apply Nat.ltb_lt in E1. lia.
    - specialize (IH (S n) E2 b ltac:(lia) s I). lia. }
  intros L. apply (H 0%nat E b L).
Qed.

Lemma pair_means region blk vals v u w sigma : block_means region blk vals v -> pair_of blk = Some (u, w, sigma) ->
  (0 <= bk_delta blk)%Z /\ difference_means (bk_delta blk) sigma (values vals u) (values vals w) v
  /\ In u (sources blk) /\ In w (sources blk).
Proof.
  unfold block_means, pair_of, sources. intros [_ [D M]] P.
  destruct (bk_kind blk); try discriminate; injection P as -> -> ->; simpl; tauto.
Qed.

Section Leaf.

Variable region : option ball.
Variable blocks : list block.
Variable vals : list (list R).
Variable bd : bounds.
Hypothesis plan : plan_means region blocks vals.
Hypothesis sorted : earlier blocks = true.
Hypothesis hold : bounds_hold bd vals.

Theorem tighten_correct b : (b < length (bd_lo bd))%nat ->
  match tighten blocks b bd with
  | Some bd' => bounds_hold bd' vals /\ length (bd_lo bd') = length (bd_lo bd)
  | None => False
  end.
Proof.
  intros B. destruct plan as [PL PM]. pose proof hold as [E [L H]]. unfold tighten.
  destruct (pair_of (nth b blocks no_block)) as [[[u w] sigma]|] eqn:K; [|split; [exact hold | reflexivity]].
  assert (BL : (b < length blocks)%nat) by lia.
  destruct (pair_means _ _ _ _ _ _ _ (PM b BL) K) as [D [[L1 [L2 V]] [IU IW]]].
  set (delta := bk_delta (nth b blocks no_block)) in *.
  assert (U := earlier_sources _ _ sorted BL _ IU). assert (W := earlier_sources _ _ sorted BL _ IW).
  assert (HU := H u ltac:(lia)). assert (HW := within_picked sigma _ _ _ (H w ltac:(lia))). assert (HD := H b B).
  destruct (difference_vectors delta _ _ _ L1 L2 V) as [VD [VU VW]].
  pose proof (within_differences delta _ _ _ _ _ _ D HU HW ltac:(lia)) as TD. rewrite <- VD in TD.
  pose proof (within_meet _ _ _ HD _ _ TD) as HD'. clear TD.
  pose proof (within_parts delta _ _ _ HD') as HP.
  assert (LP : length (map (fun x => x / pow2 delta) (values vals b)) = length (values vals b)) by apply map_length.
  pose proof (within_plus _ _ _ HW _ _ _ HP ltac:(lia)) as TU. rewrite <- VU in TU.
  pose proof (within_meet _ _ _ HU _ _ TU) as HU'. clear TU.
  destruct (set_bounds_correct bd vals b _ _ hold B HD') as [bd1 [-> [H1 E1]]].
  destruct (set_bounds_correct bd1 vals u _ _ H1 ltac:(lia) HU') as [bd2 [-> [H2 E2]]].
  destruct sigma as [index|]; [split; [assumption | lia]|].
  pose proof (within_minus _ _ _ HU' _ _ _ HP ltac:(lia)) as TW. rewrite <- VW in TW.
  pose proof (within_meet _ _ _ HW _ _ TW) as HW'.
  destruct (set_bounds_correct bd2 vals w _ _ H2 ltac:(lia) HW') as [bd3 [-> [H3 E3]]]. split; [assumption | lia].
Qed.

Theorem enclose_correct b img : b = length (bd_lo bd) -> (b < length blocks)%nat -> pair_of (nth b blocks no_block) <> None ->
  (relation_of (nth b blocks no_block) <> None -> within (fst img) (snd img) (values vals b)) ->
  within (fst (enclose (nth b blocks no_block) img bd)) (snd (enclose (nth b blocks no_block) img bd)) (values vals b).
Proof.
  intros B BL K IM. destruct plan as [PL PM]. pose proof hold as [E [L H]]. unfold enclose.
  destruct (pair_of (nth b blocks no_block)) as [[[u w] sigma]|] eqn:KP; [clear K | congruence].
  pose proof (PM b BL) as M. pose proof (earlier_sources _ _ sorted BL) as S.
  destruct (pair_means _ _ _ _ _ _ _ M KP) as [D [[L1 [L2 V]] [IU IW]]].
  set (delta := bk_delta (nth b blocks no_block)) in *.
  assert (U := S u IU). assert (W := S w IW).
  destruct (difference_vectors delta _ _ _ L1 L2 V) as [VD _].
  pose proof (within_differences delta _ _ _ _ _ _ D (H u ltac:(lia)) (within_picked sigma _ _ _ (H w ltac:(lia))) ltac:(lia)) as T.
  rewrite <- VD in T. clear VD.
  destruct M as [_ [_ M]]. unfold pair_of, relation_of, sources in KP, IM, S.
  destruct (bk_kind (nth b blocks no_block)); try discriminate; [exact T | |].
  - injection KP as -> -> ->. destruct M as [_ [MU [MW [L3 [L4 MI]]]]]. simpl in S.
    apply within_meet; [exact T|].
    assert (R0 := within_relu_difference delta _ _ _ (H x ltac:(rewrite <- B; apply S; tauto)) _ _ _ _ _ _
      (within_picked sigma _ _ _ (H y ltac:(rewrite <- B; apply S; tauto))) (H inner ltac:(rewrite <- B; apply S; tauto)) L3 L4 MI).
    rewrite <- gathered_relu, <- MU, <- MW, <- V in R0.
    destruct sigma as [index|]; [|exact R0]. simpl where_paired. apply within_choose; [|exact R0 | exact T].
    rewrite <- L2. simpl. unfold gather. rewrite map_length. reflexivity.
  - apply within_meet; [exact T | apply IM; discriminate].
Qed.

End Leaf.

Theorem enclose_block_correct region blocks vals bd img : plan_means region blocks vals -> earlier blocks = true ->
  bounds_hold bd vals -> let b := length (bd_lo bd) in
  (b < length blocks)%nat -> pair_of (nth b blocks no_block) <> None ->
  (relation_of (nth b blocks no_block) <> None -> within (fst img) (snd img) (values vals b)) ->
  match enclose_block blocks img bd with
  | Some bd' => bounds_hold bd' vals /\ length (bd_lo bd') = S b
  | None => False
  end.
Proof.
  intros P S H b B K I. unfold enclose_block. fold b.
  pose proof (enclose_correct region blocks vals bd P S H b img eq_refl B K I) as W.
  destruct (enclose (nth b blocks no_block) img bd) as [lo hi]. simpl in W. rewrite (crossed_within _ _ _ W).
  assert (H' := append_bounds_correct bd vals lo hi H ltac:(destruct P as [-> _]; exact B) W).
  assert (T := tighten_correct region blocks vals _ P S H' b).
  assert (N : length (bd_lo bd ++ [lo]) = Datatypes.S b) by (rewrite app_length; simpl; unfold b; lia).
  simpl in T. rewrite N in T. apply T. lia.
Qed.

(** The pair rule at a block, with the bounds of a leaf. *)
Definition push_block (blk : block) (size_w : nat) (bd : bounds) (cd cu cw : list Z) (hint : option (list Z * list Z)) : option pushed :=
  match bk_kind blk with
  | KPairRelu _ _ sigma inner x y =>
      push_pair (bk_delta blk) sigma size_w cd cu cw (lows bd x, highs bd x)
        (picked sigma (lows bd y), picked sigma (highs bd y)) (lows bd inner, highs bd inner) hint
  | _ => None
  end.

Theorem push_block_correct region blocks vals bd b u w sigma inner x y cd cu cw hint :
  plan_means region blocks vals -> earlier blocks = true -> bounds_hold bd vals -> (b < length (bd_lo bd))%nat ->
  bk_kind (nth b blocks no_block) = KPairRelu u w sigma inner x y ->
  match push_block (nth b blocks no_block) (bk_size (nth w blocks no_block)) bd cd cu cw hint with
  | Some p => dot (on_u p) (values vals u) + dot (on_w p) (values vals w) + dot (on_x p) (values vals x)
              + dot (on_inner p) (values vals inner) + dot (on_y p) (values vals y) + IZR (push_constant p)
              <= dot cd (values vals b) + dot cu (values vals u) + dot cw (values vals w)
  | None => False
  end.
Proof.
  intros [PL PM] S [E [L H]] B K. assert (BL : (b < length blocks)%nat) by lia.
  pose proof (earlier_sources _ _ S BL) as O. destruct (PM b BL) as [_ [D M]]. unfold sources in O. rewrite K in M, O.
  destruct M as [M1 [M2 [M3 M4]]]. simpl in O. unfold push_block. rewrite K.
  assert (Ow : (w < b)%nat) by (apply O; tauto). destruct (PM w ltac:(lia)) as [SW _].
  apply push_pair_correct; try assumption.
  - apply H. assert (x < b)%nat by (apply O; tauto). lia.
  - apply within_picked, H. assert (y < b)%nat by (apply O; tauto). lia.
  - apply H. assert (inner < b)%nat by (apply O; tauto). lia.
Qed.

(** Differences are enclosed, tightened and pushed back soundly, on every leaf; what a functional has on a difference
    without a relation is exactly what goes to its parts. *)
Theorem difference_correct region blocks vals bd : plan_means region blocks vals -> earlier blocks = true -> bounds_hold bd vals ->
  (forall img, let b := length (bd_lo bd) in
    (b < length blocks)%nat -> pair_of (nth b blocks no_block) <> None ->
    (relation_of (nth b blocks no_block) <> None -> within (fst img) (snd img) (values vals b)) ->
    match enclose_block blocks img bd with
    | Some bd' => bounds_hold bd' vals /\ length (bd_lo bd') = S b
    | None => False
    end)
  /\ (forall b, (b < length (bd_lo bd))%nat ->
    match tighten blocks b bd with
    | Some bd' => bounds_hold bd' vals /\ length (bd_lo bd') = length (bd_lo bd)
    | None => False
    end)
  /\ (forall b u w sigma inner x y cd cu cw hint, (b < length (bd_lo bd))%nat ->
    bk_kind (nth b blocks no_block) = KPairRelu u w sigma inner x y ->
    match push_block (nth b blocks no_block) (bk_size (nth w blocks no_block)) bd cd cu cw hint with
    | Some p => dot (on_u p) (values vals u) + dot (on_w p) (values vals w) + dot (on_x p) (values vals x)
                + dot (on_inner p) (values vals inner) + dot (on_y p) (values vals y) + IZR (push_constant p)
                <= dot cd (values vals b) + dot cu (values vals u) + dot cw (values vals w)
    | None => False
    end)
  /\ (forall b u w sigma c, (b < length blocks)%nat -> bk_kind (nth b blocks no_block) = KDirect u w sigma ->
    let on := push_direct (bk_delta (nth b blocks no_block)) sigma (bk_size (nth w blocks no_block)) c in
    dot (fst on) (values vals u) + dot (snd on) (values vals w) = dot c (values vals b)).
Proof.
  intros P S H. repeat split.
  - intros img. apply (enclose_block_correct region); assumption.
  - intros b. apply (tighten_correct region); assumption.
  - intros b u w sigma inner x y cd cu cw hint B K. apply (push_block_correct region blocks vals bd b u w sigma inner x y); assumption.
  - intros b u w sigma c B K on. destruct P as [PL PM]. destruct (PM b B) as [_ [D M]].
    pose proof (earlier_sources _ _ S B w) as O. unfold sources in O. rewrite K in M, O. simpl in O.
    destruct (PM w ltac:(lia)) as [SW _]. apply push_direct_correct; assumption.
Qed.
