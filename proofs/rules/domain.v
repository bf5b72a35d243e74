(** Rule *domain*: bounds and support of the declared input set. Spec: rules.md#domain; domain.py of the other kernel.

    Everything is computed from the exact rationals of the claim and rounded outward once. *)
From Coq Require Import String ZArith Reals QArith Qreals List Bool Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax floats maps plans semantics result.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** ** The support of a leaf *)

(** The least integer with a square of at least [v]. *)
Definition ceil_sqrt (v : Z) : Z := if 0 <? v then Z.sqrt (v - 1) + 1 else 0.

(** The norm that is dual to the ball's, rounded up. Balls in l_inf are boxes and have no other support. *)
Definition dual_norm (n : norm) (c : list Z) : option Z :=
  match n with
  | L1 => Some (fold_left (fun m x => Z.max m (Z.abs x)) c 0)
  | L2 => Some (ceil_sqrt (fold_left (fun s x => s + x * x) c 0))
  | Linf => None
  end.

(** A lower bound of c . (centre - lo) for below <= centre <= top. *)
Fixpoint centre_below (c lo below top : list Z) : Z :=
  match c, lo, below, top with
  | a :: c', l :: lo', b :: below', t :: top' => a * ((if a <? 0 then t else b) - l) + centre_below c' lo' below' top'
  | _, _, _, _ => 0
  end.

(** A lower bound of c . (n - lo): the better of box and ball. *)
Definition support (region : option ball) (c lo hi : list Z) : Z :=
  let box := negdot c (subz hi lo) in
  match region with
  | None => box
  | Some b =>
      match dual_norm (bl_norm b) c with
      | None => box
      | Some size => Z.max box (centre_below c lo (bl_below b) (bl_above b) - bl_radius b * size)
      end
  end.

(** *** Dual norms *)

Open Scope R_scope.

Definition sumR (l : list R) : R := fold_right Rplus 0 l.

Lemma ceil_sqrt_ge v : (v <= ceil_sqrt v * ceil_sqrt v /\ 0 <= ceil_sqrt v)%Z.
Proof.
  unfold ceil_sqrt. destruct (Z.ltb_spec 0 v) as [P | N]; [|lia].
  destruct (Z.sqrt_spec (v - 1)) as [_ S]; [lia|]. pose proof (Z.sqrt_nonneg (v - 1)). lia.
Qed.

(** Cauchy and Schwarz. *)
Lemma cauchy_schwarz a : forall w, dotR a w * dotR a w <= sumR (map (fun x => x * x) a) * sumR (map (fun x => x * x) w).
Proof.
  assert (P : forall l, 0 <= sumR (map (fun x => x * x) l)).
  { induction l as [|x l IH]; simpl; [lra|]. pose proof (Rle_0_sqr x). unfold Rsqr in *. lra. }
  induction a as [|x a IH]; intros [|y w]; simpl.
  - lra.
  - lra.
  - rewrite Rmult_0_l, Rmult_0_r. lra.
  - specialize (IH w). set (S := dotR a w) in *.
    set (A := sumR (map (fun x => x * x) a)) in *. set (W := sumR (map (fun x => x * x) w)) in *.
    assert (0 <= A) by apply P. assert (0 <= W) by apply P.
    assert (H2 : 2 * (x * y) * S <= x * x * W + y * y * A).
    { assert (0 <= x * x) by nra. assert (0 <= y * y) by nra.
      apply Rsqr_incr_0_var; unfold Rsqr; [|nra].
      assert (4 * ((x * x) * (y * y)) * (S * S) <= 4 * ((x * x) * (y * y)) * (A * W)) by (apply Rmult_le_compat_l; nra).
      pose proof (Rle_0_sqr (x * x * W - y * y * A)) as Q. unfold Rsqr in Q. nra. }
    nra.
Qed.

Lemma fold_left_squares c : forall s, IZR (fold_left (fun s x => s + x * x)%Z c s) = IZR s + sumR (map (fun x => x * x) (map IZR c)).
Proof.
  induction c as [|x c IH]; intros s; cbn [fold_left map sumR fold_right]; [simpl; lra|].
  rewrite IH, plus_IZR, mult_IZR. unfold sumR. lra.
Qed.

Lemma fold_left_max c : forall s, (s <= fold_left (fun m x => Z.max m (Z.abs x)) c s)%Z
  /\ (forall x, In x c -> Z.abs x <= fold_left (fun m x => Z.max m (Z.abs x)) c s)%Z.
Proof.
  induction c as [|y c IH]; intros s; cbn [fold_left]; [split; [lia | contradiction]|].
  destruct (IH (Z.max s (Z.abs y))) as [I1 I2]. split; [lia|]. intros x [-> | I]; [lia|]. apply I2, I.
Qed.

Lemma dot_by_largest c w m : (0 <= m)%Z -> (forall x, In x c -> Z.abs x <= m)%Z -> - (sumR (map Rabs w) * IZR m) <= dot c w.
Proof.
  intros M. apply IZR_le in M. revert w. induction c as [|x c IH]; intros [|y w] H; try (unfold dot; simpl; nra).
  - unfold dot. simpl. assert (0 <= sumR (map Rabs w)).
    { clear. induction w as [|z w IH]; simpl; [lra|]. pose proof (Rabs_pos z). unfold sumR in *. lra. }
    pose proof (Rabs_pos y). unfold sumR in *. nra.
  - rewrite dot_cons. simpl. specialize (IH w (fun x I => H x (or_intror I))).
    assert (Z.abs x <= m)%Z as L by (apply H; left; reflexivity). apply IZR_le in L. rewrite abs_IZR in L.
    assert (Rabs (IZR x * y) <= Rabs y * IZR m).
    { rewrite Rabs_mult, Rmult_comm. apply Rmult_le_compat_l; [apply Rabs_pos | exact L]. }
    assert (- Rabs (IZR x * y) <= IZR x * y) by (unfold Rabs; destruct Rcase_abs; lra).
    unfold sumR in *. lra.
Qed.

(** c . w >= - r ||c|| for w in the ball of radius r. *)
Lemma dual_norm_correct n c size w r : dual_norm n c = Some size -> norm_le n w r -> - (r * IZR size) <= dot c w.
Proof.
  destruct n; cbn [dual_norm norm_le]; intros E H; try discriminate; injection E as <-.
  - destruct H as [R0 H]. destruct (ceil_sqrt_ge (fold_left (fun s x => s + x * x)%Z c 0%Z)) as [S P].
    apply IZR_le in S, P. rewrite mult_IZR, fold_left_squares in S.
    set (z := IZR (ceil_sqrt _)) in *. pose proof (cauchy_schwarz (map IZR c) w) as C. fold (dot c w) in C.
    assert (N : forall l, 0 <= sumR (map (fun x => x * x) l)).
    { induction l as [|x l IH]; simpl; [lra|]. pose proof (Rle_0_sqr x). unfold Rsqr, sumR in *. lra. }
    assert (dot c w * dot c w <= (r * z) * (r * z)).
    { eapply Rle_trans; [exact C|]. replace (r * z * (r * z)) with ((z * z) * (r * r)) by ring.
      apply Rmult_le_compat; [apply N | apply N | lra | exact H]. }
    assert (0 <= r * z) by (apply Rmult_le_pos; lra).
    assert (- dot c w <= r * z); [|lra]. apply Rsqr_incr_0_var; [unfold Rsqr; nra | assumption].
  - destruct (fold_left_max c 0%Z) as [P M]. eapply Rle_trans; [|apply (dot_by_largest c w _ P M)].
    apply Ropp_le_contravar, Rmult_le_compat_r; [apply IZR_le, P | exact H].
Qed.

(** *** The support *)

Lemma centre_below_le below top ctr : within below top ctr -> forall c lo, length lo = length ctr ->
  IZR (centre_below c lo below top) <= dot c (above lo ctr).
Proof.
  induction 1 as [|b t x below top ctr B W IH]; intros [|a c] [|l lo] L; try discriminate;
    try (unfold dot, above; simpl; lra).
  cbn [centre_below]. unfold above; cbn [map2]; fold (above lo ctr). rewrite dot_cons, plus_IZR, mult_IZR, minus_IZR.
  injection L as L. specialize (IH c lo L).
  assert (IZR a * (IZR (if (a <? 0)%Z then t else b) - IZR l) <= IZR a * (x - IZR l)); [|lra].
  destruct (Z.ltb_spec a 0) as [N | N].
  - apply IZR_lt in N. apply Rmult_le_compat_neg_l; lra.
  - apply IZR_le in N. apply Rmult_le_compat_l; lra.
Qed.

Lemma dot_above_centre v : forall c lo ctr, length lo = length v -> length ctr = length v ->
  dot c (above lo v) = dot c (above lo ctr) + dot c (map2 Rminus v ctr).
Proof.
  induction v as [|x v IH]; intros [|a c] [|l lo] [|y ctr] L1 L2; try discriminate; unfold above; cbn [map2];
    try (unfold dot; simpl; lra).
  fold (above lo v) (above lo ctr). rewrite !dot_cons, (IH c lo ctr) by (simpl in *; lia). lra.
Qed.

Theorem support_correct region c lo hi v : within lo hi v -> region_means region v ->
  IZR (support region c lo hi) <= dot c (above lo v).
Proof.
  intros W B. pose proof (negdot_le lo hi v W c) as Box. unfold support.
  destruct region as [b|]; [|exact Box]. destruct B as (ctr & I & L & N).
  destruct (dual_norm (bl_norm b) c) as [size|] eqn:E; [|exact Box].
  pose proof (dual_norm_correct _ _ _ _ _ E N) as D. destruct (within_length _ _ _ W) as [Lv _].
  pose proof (centre_below_le _ _ _ I c lo ltac:(congruence)) as C.
  rewrite (dot_above_centre v c lo ctr Lv L) in *.
  apply Z.max_case_strong; intros _; [exact Box|]. rewrite minus_IZR, mult_IZR. lra.
Qed.

(** ** Rationals *)

Open Scope Z_scope.

(** A ratio whose denominator has been found to be at least 1. *)
Definition ratio_q (r : ratio) : Q := Qmake (fst r) (Z.to_pos (snd r)).

Definition exact_q (p : dyadic) : Q :=
  if 0 <=? snd p then inject_Z (Z.shiftl (fst p) (snd p)) else Qmake (fst p) (Z.to_pos (Z.shiftl 1 (- snd p))).

Definition max_q (a b : Q) : Q := if Qle_bool a b then b else a.
Definition min_q (a b : Q) : Q := if Qle_bool a b then a else b.

(** a + b over the least common denominator: sums of many stay small. *)
Definition add_q (a b : Q) : Q :=
  let da := Zpos (Qden a) in
  let db := Zpos (Qden b) in
  let g := Z.gcd da db in
  let m := db / g in
  Qmake (Qnum a * m + Qnum b * (da / g)) (Z.to_pos (da * m)).
Definition sub_q (a b : Q) : Q := add_q a (Qopp b).
Definition sum_q (l : list Q) : Q := fold_left add_q l 0%Q.

Definition floor_q (v : Q) (scale : Z) : Z := floor_ratio (Qnum v) (Zpos (Qden v)) scale.
Definition ceil_q (v : Q) (scale : Z) : Z := ceil_ratio (Qnum v) (Zpos (Qden v)) scale.

(** ** The domain of a claim, decoded *)

(** Each part is a box with corners, widened by a radius, and a ball of that radius if the norm is not l_inf; all of
    them within the limits. A point is a ball of radius 0. *)
Record domain := {
  dm_parts : list (list dyadic * list dyadic);
  dm_radius : Q;
  dm_norm : option norm;                       (* None: a box *)
  dm_limits : option (list Q * list Q)
}.

Definition part_limit : Z := 4000000.

Definition floats_at (s : store) (t n : nat) : result (list dyadic) :=
  _ <- need "shape" (Nat.eqb (t_count (tensor_at s t)) n);;
  get "tensor" (dyadics (tensor_at s t)).

Definition read_limits (s : store) (n : nat) (w : within_words) : result (option (list Q * list Q)) :=
  match w with
  | WAnywhere => Ok None
  | WWithin a b =>
      _ <- need "denominator" ((1 <=? snd a) && (1 <=? snd b));;
      Ok (Some (repeat (ratio_q a) n, repeat (ratio_q b) n))
  | WWithinArrays lo hi =>
      a <- floats_at s lo n;;
      b <- floats_at s hi n;;
      Ok (Some (map exact_q a, map exact_q b))
  end.

Definition read_centres (s : store) (t count n : nat) : result (list (list dyadic * list dyadic)) :=
  _ <- need "empty-domain" (1 <=? count)%nat;;
  if part_limit <? Z.of_nat count then Decline "limit" else
  l <- floats_at s t (count * n);;
  Ok (map (fun c => (c, c)) (chunk count n l)).

(** Parts, radius and norm. *)
Definition read_shape (s : store) (n : nat) (w : domain_words) :
    result (list (list dyadic * list dyadic) * Q * option norm) :=
  match w with
  | WBox lo hi =>
      a <- floats_at s lo n;;
      b <- floats_at s hi n;;
      Ok ([(a, b)], 0%Q, None)
  | WBall nm t count r =>
      _ <- need "denominator" (1 <=? snd r);;
      _ <- need "negative-radius" (0 <=? fst r);;
      l <- read_centres s t count n;;
      Ok (l, ratio_q r, Some nm)
  | WPoints t count => l <- read_centres s t count n;; Ok (l, 0%Q, Some Linf)
  end.

(** *** No part is empty *)

Definition all_le (a b : list Q) : bool := forallb (fun x => x) (map2 Qle_bool a b).

(** The interval of every coordinate has a point. *)
Definition box_inhabited (d : domain) (p : list dyadic * list dyadic) : bool :=
  let low := map (fun v => sub_q (exact_q v) (dm_radius d)) (fst p) in
  let high := map (fun v => add_q (exact_q v) (dm_radius d)) (snd p) in
  match dm_limits d, dm_norm d with
  | Some (a, b), _ => all_le (map2 max_q low a) (map2 min_q high b)
  | None, None => all_le low high
  | None, Some _ => true
  end.

(** Distances from the centre to the limits, coordinate by coordinate. *)
Definition gaps (centre a b : list Q) : list Q :=
  map (max_q 0) (map2 max_q (map2 sub_q a centre) (map2 sub_q centre b)).

(** The ball meets the limits: their nearest point to the centre is in it. *)
Definition ball_inhabited (d : domain) (p : list dyadic * list dyadic) : bool :=
  match dm_norm d, dm_limits d with
  | Some L1, Some (a, b) => Qle_bool (sum_q (gaps (map exact_q (fst p)) a b)) (dm_radius d)
  | Some L2, Some (a, b) =>
      Qle_bool (sum_q (map (fun g => Qmult g g) (gaps (map exact_q (fst p)) a b))) (Qmult (dm_radius d) (dm_radius d))
  | _, _ => true
  end.

Definition check_part (d : domain) (p : list dyadic * list dyadic) : bool := box_inhabited d p && ball_inhabited d p.

Definition read_domain (s : store) (c : claim) (n_in : nat) : result domain :=
  shape <- read_shape s n_in (cl_domain c);;
  limits <- read_limits s n_in (cl_within c);;
  let '(parts, radius, norm_) := shape in
  let d := {| dm_parts := parts; dm_radius := radius; dm_norm := norm_; dm_limits := limits |} in
  _ <- need "empty-domain" (forallb (check_part d) parts);;
  Ok d.

(** ** Bounds *)

Definition part_at (d : domain) (k : nat) : list dyadic * list dyadic := nth k (dm_parts d) ([], []).

(** Outward integer bounds of one part, in units of 2^-scale. *)
Definition bounds_of (d : domain) (p : list dyadic * list dyadic) (scale : Z) : list Z * list Z :=
  let num := Qnum (dm_radius d) in
  let den := Zpos (Qden (dm_radius d)) in
  let below := map (fun v => floor_dyadic v scale (- num) den) (fst p) in
  let top := map (fun v => ceil_dyadic v scale num den) (snd p) in
  match dm_limits d with
  | None => (below, top)
  | Some (a, b) => (map2 Z.max below (map (fun v => floor_q v scale) a), map2 Z.min top (map (fun v => ceil_q v scale) b))
  end.

Definition part_bounds (d : domain) (k : nat) (scale : Z) : list Z * list Z := bounds_of d (part_at d k) scale.

Definition join_bounds (a b : list Z * list Z) : list Z * list Z :=
  (map2 Z.min (fst a) (fst b), map2 Z.max (snd a) (snd b)).

(** Outward integer bounds of the whole domain. *)
Definition hull (d : domain) (scale : Z) : list Z * list Z :=
  match dm_parts d with
  | [] => ([], [])
  | p :: rest => fold_left (fun acc q => join_bounds acc (bounds_of d q scale)) rest (bounds_of d p scale)
  end.

(** The ball of part [k]; None for a box or a ball in l_inf. *)
Definition part_ball (d : domain) (k : nat) (scale : Z) : option ball :=
  match dm_norm d with
  | None | Some Linf => None
  | Some nm =>
      let centre := fst (part_at d k) in
      Some {| bl_norm := nm; bl_below := map (fun v => floor_dyadic v scale 0 1) centre;
              bl_above := map (fun v => ceil_dyadic v scale 0 1) centre; bl_radius := ceil_q (dm_radius d) scale |}
  end.

(** The exact interval of coordinate [i] of part [k]. *)
Definition coordinate (d : domain) (k i : nat) : Q * Q :=
  let p := part_at d k in
  let low := sub_q (exact_q (nth i (fst p) (0, 0))) (dm_radius d) in
  let high := add_q (exact_q (nth i (snd p) (0, 0))) (dm_radius d) in
  match dm_limits d with
  | None => (low, high)
  | Some (a, b) => (max_q low (nth i a 0%Q), min_q high (nth i b 0%Q))
  end.

(** Bounds after the cuts of a leaf: (coordinate, at most, at least). *)
Definition cut_bounds (lo hi : list Z) (cuts : list (nat * option Q * option Q)) (scale : Z) : list Z * list Z :=
  fold_left (fun acc cut =>
    let '(i, below, top) := cut in
    (match top with None => fst acc | Some a => update i (Z.max (floor_q a scale)) 0 (fst acc) end,
     match below with None => snd acc | Some b => update i (Z.min (ceil_q b scale)) 0 (snd acc) end)) cuts (lo, hi).
