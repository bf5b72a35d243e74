(** Differences of maps, and maps behind a selection: M S' - S M' and S M' in fixed point.

    Spec: rules.md#difference; maps.py difference_map, gathered_map. What is not formed there is None here. All that
    happens to weights happens to integers and to reals alike, so that the one stay bounds of the other. *)
From Coq Require Import ZArith Reals List Bool Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps plans map_rules.
Import ListNotations.
Open Scope Z_scope.
Open Scope bool_scope.

(** ** Selections of rows, and of columns *)

Fixpoint list_eqb {A} (eqb : A -> A -> bool) (a b : list A) : bool :=
  match a, b with
  | [], [] => true
  | x :: a', y :: b' => eqb x y && list_eqb eqb a' b'
  | _, _ => false
  end.

(** The rows that a selection picks; zeros for -1. *)
Definition pick_rows {A} (zero : A) (count n : nat) (sigma : list Z) (w : list A) : list A :=
  let rows := chunk count n w in flat_map (nthz (repeat zero n) rows) sigma.

(** The entries of whole channels of [p] entries each. *)
Definition spread (p : nat) (channels : list Z) : list Z :=
  flat_map (fun c => if c <? 0 then repeat (-1) p else map (fun i => c * Z.of_nat p + Z.of_nat i) (seq 0 p)) channels.

(** The channels of a selection that moves whole ones. *)
Definition channelwise (p : nat) (sigma : list Z) : option (list Z) :=
  if (p =? 0)%nat then None else
  let first block := match block with i :: _ => if i <? 0 then -1 else i / Z.of_nat p | [] => -1 end in
  let channels := map first (chunk (length sigma / p) p sigma) in
  if list_eqb Z.eqb sigma (spread p channels) then Some channels else None.

(** Things added up by their targets: a zipper stands at the last target, so that ascending targets take one pass. *)
Section fold.
Context {B : Type} (add : B -> B -> B).

Fixpoint forth (n : nat) (left right : list B) : list B * list B :=
  match n, right with S m, x :: t => forth m (x :: left) t | _, _ => (left, right) end.
Fixpoint back (n : nat) (left right : list B) : list B * list B :=
  match n, left with S m, x :: t => back m t (x :: right) | _, _ => (left, right) end.

Fixpoint fold_into (sigma : list Z) (l : list B) (at_ : nat) (left right : list B) : list B :=
  match sigma, l with
  | i :: sigma', x :: l' =>
      if i <? 0 then fold_into sigma' l' at_ left right else
      let j := Z.to_nat i in
      let '(before, here) := if (at_ <=? j)%nat then forth (j - at_) left right else back (at_ - j) left right in
      match here with
      | y :: t => fold_into sigma' l' j before (add y x :: t)
      | [] => fold_into sigma' l' j before []
      end
  | _, _ => rev_append left right
  end.

End fold.

(** Entries of each row added up by a selection's targets, [n] of them. *)
Definition fold_rows {A} (zero : A) (add : A -> A -> A) (count n_in n : nat) (sigma : list Z) (w : list A) : list A :=
  flat_map (fun row => fold_into add sigma row 0 [] (repeat zero n)) (chunk count n_in w).

(** The same for channels of [k] weights each. *)
Definition fold_channels {A} (zero : A) (add : A -> A -> A) (count n_in k n : nat) (channels : list Z) (w : list A) :
  list A :=
  flat_map (fun row => concat (fold_into (map2 add) channels (chunk n_in k row) 0 [] (repeat (repeat zero k) n)))
           (chunk count (n_in * k) w).

Definition with_channels (g : conv_geometry) (n_in n_out : nat) : conv_geometry :=
  {| cv_groups := 1; cv_in := n_in; cv_out := n_out; cv_spatial := cv_spatial g; cv_kernel := cv_kernel g;
     cv_strides := cv_strides g; cv_begins := cv_begins g; cv_ends := cv_ends g; cv_dilations := cv_dilations g |}.

Definition with_weights (f : fixedmap) (p : pattern) (change : list Z -> list Z) : fixedmap :=
  {| fm_pattern := p; fm_lo := change (fm_lo f); fm_hi := change (fm_hi f); fm_h := fm_h f |}.

Definition weights_are (f : fixedmap) (n : nat) : bool := (length (fm_lo f) =? n)%nat.

Definition all_below (n : nat) (sigma : list Z) : bool := forallb (fun i => i <? Z.of_nat n) sigma.

(** S M *)
Definition gathered_map (f : fixedmap) (sigma : option (list Z)) : option fixedmap :=
  match sigma with
  | None => Some f
  | Some index =>
      match fm_pattern f with
      | PDense n_out n_in =>
          if weights_are f (n_out * n_in)
          then Some (with_weights f (PDense (length index) n_in) (pick_rows 0 n_out n_in index)) else None
      | PConv g =>
          let per := (cv_in g * prod_nat (cv_kernel g))%nat in
          if (cv_groups g =? 1)%nat && weights_are f (cv_out g * per) then
            match channelwise (prod_nat (conv_outputs g)) index with
            | None => None
            | Some channels => Some (with_weights f (PConv (with_channels g (cv_in g) (length channels)))
                                                  (pick_rows 0 (cv_out g) per channels))
            end
          else None
      | _ => None
      end
  end.

(** M S for vectors of [size] entries. *)
Definition folded_map (f : fixedmap) (sigma : option (list Z)) (size : nat) : option fixedmap :=
  match sigma with
  | None => Some f
  | Some index =>
      match fm_pattern f with
      | PDense n_out n_in =>
          if weights_are f (n_out * n_in) && (length index =? n_in)%nat && all_below size index
          then Some (with_weights f (PDense n_out size) (fold_rows 0 Z.add n_out n_in size index)) else None
      | PConv g =>
          let k := prod_nat (cv_kernel g) in
          let p := prod_nat (cv_spatial g) in
          match channelwise p index with
          | None => None
          | Some channels =>
              let n := (size / p)%nat in
              if (cv_groups g =? 1)%nat && weights_are f (cv_out g * (cv_in g * k))
                 && (size mod p =? 0)%nat && (length channels =? cv_in g)%nat && all_below n channels
              then Some (with_weights f (PConv (with_channels g n (cv_out g)))
                                      (fold_channels 0 Z.add (cv_out g) (cv_in g) k n channels)) else None
          end
      | _ => None
      end
  end.

(** ** Differences *)

(** A diagonal weight by weight, however often each is repeated. *)
Definition expanded (f : fixedmap) : fixedmap :=
  match fm_pattern f with
  | PDiag r => if (r =? 1)%nat then f else with_weights f (PDiag 1) (flat_map (fun a => repeat a r))
  | _ => f
  end.

(** Patterns that join the same entries. Two selections are only subtracted when they are one map, which is zero. *)
Definition same_pattern (p q : pattern) : bool :=
  let same := list_eqb Nat.eqb in
  match p, q with
  | PDense a b, PDense c d => (a =? c)%nat && (b =? d)%nat
  | PDiag a, PDiag b => (a =? b)%nat
  | PConv g, PConv g' =>
      (cv_groups g =? cv_groups g')%nat && (cv_in g =? cv_in g')%nat && (cv_out g =? cv_out g')%nat
      && same (cv_spatial g) (cv_spatial g') && same (cv_kernel g) (cv_kernel g') && same (cv_strides g) (cv_strides g')
      && same (cv_begins g) (cv_begins g') && same (cv_dilations g) (cv_dilations g')
      && same (conv_outputs g) (conv_outputs g')
  | _, _ => false
  end.

(** a - b for maps of one pattern. *)
Definition minus_map (a b : fixedmap) : option fixedmap :=
  let a := expanded a in
  let b := expanded b in
  if same_pattern (fm_pattern a) (fm_pattern b) && (length (fm_lo a) =? length (fm_lo b))%nat then
    let h := common_bits (fm_lo a) (fm_hi a) (fm_h a) (fm_lo b) (fm_hi b) (fm_h b) in
    let '(lo, hi) := coarsened (fm_lo a) (fm_hi a) (fm_h a) h in
    let '(lo', hi') := coarsened (fm_lo b) (fm_hi b) (fm_h b) h in
    Some {| fm_pattern := fm_pattern a; fm_lo := subz lo hi'; fm_hi := subz hi lo'; fm_h := h |}
  else None.

(** A S' - S B. None: it is not supported; Some None: it is exactly zero. [same]: both are one map. *)
Definition difference_map (same : bool) (a b : fixedmap) (sigma_in sigma_out : option (list Z)) (size_in : nat) :
    option (option fixedmap) :=
  match same, sigma_in, sigma_out with
  | true, None, None => Some None
  | _, _, _ =>
      match folded_map a sigma_in size_in, gathered_map b sigma_out with
      | Some a', Some b' => option_map Some (minus_map a' b')
      | _, _ => None
      end
  end.

(** ** Weights and their bounds change alike *)

Open Scope R_scope.

Definition low_ok (h l : Z) (x : R) : Prop := IZR l <= x * pow2 h.
Definition high_ok (h u : Z) (x : R) : Prop := x * pow2 h <= IZR u.

Lemma within_sides lo hi h m : within lo hi (map (fun x => x * pow2 h) m) <->
  Forall2 (low_ok h) lo m /\ Forall2 (high_ok h) hi m.
Proof.
  split.
  - intros W. remember (map (fun x => x * pow2 h) m) as v eqn:E. revert m E.
    induction W as [|l u x lo hi v B W IH]; intros [|y m] E; try discriminate; [split; constructor|].
    injection E as -> E. destruct (IH m E). split; constructor; unfold low_ok, high_ok; tauto.
  - intros [L U]. revert hi U. induction L as [|l x lo m B L IH]; intros hi U; inversion U; subst; simpl; constructor; auto.
Qed.

Lemma Forall2_same_length {A B} (P : A -> B -> Prop) a b : Forall2 P a b -> length a = length b.
Proof. induction 1; simpl; auto. Qed.

(** A change of weights that keeps relations gives a map that the changed bounds mean. *)
Lemma with_weights_means f m p (change : list Z -> list Z) (change' : list R -> list R) :
  within (fm_lo f) (fm_hi f) (map (fun x => x * pow2 (fm_h f)) m) ->
  (forall P : Z -> R -> Prop, P 0%Z 0 -> (forall a b x y, P a x -> P b y -> P (a + b)%Z (x + y)) ->
     forall l, Forall2 P l m -> Forall2 P (change l) (change' m)) ->
  fm_means (with_weights f p change) (instance p (change' m)).
Proof.
  intros W C. apply within_sides in W as [L U]. exists (change' m). split; [|reflexivity].
  apply within_sides; simpl; split; apply C; try assumption; unfold low_ok, high_ok; intros;
    rewrite ?plus_IZR, ?Rmult_plus_distr_r; lra.
Qed.

Lemma weights_length f m n : weights_are f n = true ->
  within (fm_lo f) (fm_hi f) (map (fun x => x * pow2 (fm_h f)) m) -> length m = n.
Proof.
  intros E W. apply Nat.eqb_eq in E. apply within_sides in W as [L _]. rewrite <- E.
  symmetry. eapply Forall2_same_length, L.
Qed.

Section related.
Context {A B : Type} (P : A -> B -> Prop).

Lemma Forall2_nth d e i : P d e -> forall a b, Forall2 P a b -> P (nth i a d) (nth i b e).
Proof. intros D. induction i; intros a b H; destruct H; simpl; auto. Qed.

Lemma Forall2_nthz d e i a b : P d e -> Forall2 P a b -> P (nthz d a i) (nthz e b i).
Proof. intros D H. unfold nthz. destruct (i <? 0)%Z; [assumption | apply Forall2_nth; assumption]. Qed.

Lemma Forall2_repeat x y n : P x y -> Forall2 P (repeat x n) (repeat y n).
Proof. intros H. induction n; simpl; constructor; auto. Qed.

Variables (add : A -> A -> A) (add' : B -> B -> B).
Hypothesis added : forall a b x y, P a x -> P b y -> P (add a b) (add' x y).

Lemma forth_rel n : forall l r l' r', Forall2 P l l' -> Forall2 P r r' ->
  Forall2 P (fst (forth n l r)) (fst (forth n l' r')) /\ Forall2 P (snd (forth n l r)) (snd (forth n l' r')).
Proof. induction n; intros l r l' r' L R; destruct R; simpl; auto. Qed.

Lemma back_rel n : forall l r l' r', Forall2 P l l' -> Forall2 P r r' ->
  Forall2 P (fst (back n l r)) (fst (back n l' r')) /\ Forall2 P (snd (back n l r)) (snd (back n l' r')).
Proof. induction n; intros l r l' r' L R; destruct L; simpl; auto. Qed.

Lemma rev_append_rel l l' : Forall2 P l l' -> forall r r', Forall2 P r r' -> Forall2 P (rev_append l r) (rev_append l' r').
Proof. induction 1; intros r r' R; simpl; auto. Qed.

Lemma fold_into_rel sigma : forall a b, Forall2 P a b -> forall at_ l r l' r', Forall2 P l l' -> Forall2 P r r' ->
  Forall2 P (fold_into add sigma a at_ l r) (fold_into add' sigma b at_ l' r').
Proof.
  induction sigma as [|i sigma IH]; intros a b H at_ l r l' r' L R; [simpl; apply rev_append_rel; assumption|].
  destruct H as [|x y a b Hxy H]; [simpl; apply rev_append_rel; assumption|]. simpl.
  destruct (i <? 0)%Z; [apply IH; assumption|]. set (j := Z.to_nat i).
  assert (S : let m := if (at_ <=? j)%nat then forth (j - at_) l r else back (at_ - j) l r in
              let m' := if (at_ <=? j)%nat then forth (j - at_) l' r' else back (at_ - j) l' r' in
              Forall2 P (fst m) (fst m') /\ Forall2 P (snd m) (snd m')).
  { destruct (at_ <=? j)%nat; [apply forth_rel | apply back_rel]; assumption. }
  destruct (if (at_ <=? j)%nat then forth (j - at_) l r else back (at_ - j) l r) as [u v],
           (if (at_ <=? j)%nat then forth (j - at_) l' r' else back (at_ - j) l' r') as [u' v'].
  destruct S as [S1 S2]. simpl in S1, S2. destruct S2; apply IH; try assumption; constructor; auto.
Qed.

Lemma fold_rows_rel x y count n_in n sigma a b : P x y -> Forall2 P a b ->
  Forall2 P (fold_rows x add count n_in n sigma a) (fold_rows y add' count n_in n sigma b).
Proof.
  intros Z H. eapply Forall2_flat_map; [apply Forall2_chunk, H|]. intros u v Huv.
  apply fold_into_rel; [assumption | constructor | apply Forall2_repeat, Z].
Qed.

Lemma map2_rel a b : Forall2 P a b -> forall c d, Forall2 P c d -> Forall2 P (map2 add a c) (map2 add' b d).
Proof. induction 1; intros c d H1; destruct H1; simpl; constructor; auto. Qed.

End related.

Lemma pick_rows_rel {A B} (P : A -> B -> Prop) x y count n sigma a b : P x y -> Forall2 P a b ->
  Forall2 P (pick_rows x count n sigma a) (pick_rows y count n sigma b).
Proof.
  intros Z H. unfold pick_rows. eapply (Forall2_flat_map eq); [apply Forall2_refl; reflexivity|].
  intros i ? <-. apply (Forall2_nthz (Forall2 P)); [apply Forall2_repeat, Z | apply Forall2_chunk, H].
Qed.

Lemma Forall2_concat {A B} (P : A -> B -> Prop) a b : Forall2 (Forall2 P) a b -> Forall2 P (concat a) (concat b).
Proof. induction 1; simpl; [constructor | apply Forall2_app; assumption]. Qed.

Lemma fold_channels_rel {A B} (P : A -> B -> Prop) x y add add' count n_in k n channels a b :
  (forall a b x y, P a x -> P b y -> P (add a b) (add' x y)) -> P x y -> Forall2 P a b ->
  Forall2 P (fold_channels x add count n_in k n channels a) (fold_channels y add' count n_in k n channels b).
Proof.
  intros D Z H. eapply Forall2_flat_map; [apply Forall2_chunk, H|]. intros u v Huv.
  apply Forall2_concat, (fold_into_rel (Forall2 P)); [| apply Forall2_chunk, Huv | constructor |].
  - intros. apply map2_rel; assumption.
  - apply (Forall2_repeat (Forall2 P)), Forall2_repeat, Z.
Qed.

(** ** Lists of equal pieces *)

Lemma chunk_concat {A} n (ls : list (list A)) : (forall l, In l ls -> length l = n) -> chunk (length ls) n (concat ls) = ls.
Proof.
  induction ls as [|l ls IH]; intros H; simpl; [reflexivity|].
  assert (L : length l = n) by (apply H; left; reflexivity).
  rewrite <- L at 1. rewrite firstn_app, Nat.sub_diag, firstn_all, firstn_O, app_nil_r.
  rewrite <- L at 2. rewrite skipn_app, Nat.sub_diag, skipn_all, skipn_O. simpl.
  rewrite IH by (intros; apply H; right; assumption). reflexivity.
Qed.

Lemma chunk_pieces {A} count n : forall w : list A, length w = (count * n)%nat ->
  length (chunk count n w) = count /\ concat (chunk count n w) = w /\ (forall l, In l (chunk count n w) -> length l = n).
Proof.
  induction count as [|c IH]; intros w L; simpl in *.
  - destruct w; [|discriminate]. split; [|split]; auto. intros l [].
  - destruct (IH (skipn n w)) as (I1 & I2 & I3); [rewrite skipn_length; lia|].
    split; [|split].
    + rewrite I1; reflexivity.
    + rewrite I2. apply firstn_skipn.
    + intros l [<- | I]; [rewrite firstn_length; lia | apply I3, I].
Qed.

Lemma flat_map_pieces {A B} (f : A -> list B) n l : (forall x, In x l -> length (f x) = n) ->
  chunk (length l) n (flat_map f l) = map f l.
Proof.
  intros H. rewrite flat_map_concat_map, <- (map_length f l). apply chunk_concat.
  intros y I. apply in_map_iff in I as (x & <- & I). apply H, I.
Qed.

Lemma nthz_in {A} (d : A) l i : nthz d l i = d \/ In (nthz d l i) l.
Proof.
  unfold nthz. destruct (i <? 0)%Z; [left; reflexivity|].
  destruct (nth_in_or_default (Z.to_nat i) l d); auto.
Qed.

Lemma list_eqb_eq {A} (eqb : A -> A -> bool) : (forall x y, eqb x y = true -> x = y) ->
  forall a b, list_eqb eqb a b = true -> a = b.
Proof.
  intros E. induction a as [|x a IH]; intros [|y b] H; simpl in H; try discriminate; [reflexivity|].
  apply andb_prop in H as [H1 H2]. f_equal; auto.
Qed.

Lemma channelwise_spread p sigma channels : channelwise p sigma = Some channels ->
  sigma = spread p channels /\ (0 < p)%nat.
Proof.
  unfold channelwise. destruct (Nat.eqb_spec p 0); [discriminate|]. split; [|lia]. revert H.
  destruct (list_eqb _ _ _) eqn:E; [|discriminate]. intros H; injection H as <-.
  apply (list_eqb_eq Z.eqb) in E; [exact E | intros; apply Z.eqb_eq; assumption].
Qed.

Lemma pick_rows_chunk {A} (zero : A) count n sigma w : length w = (count * n)%nat ->
  chunk (length sigma) n (pick_rows zero count n sigma w) = map (nthz (repeat zero n) (chunk count n w)) sigma.
Proof.
  intros L. unfold pick_rows. apply flat_map_pieces. intros i _.
  destruct (nthz_in (repeat zero n) (chunk count n w) i) as [-> | I]; [apply repeat_length|].
  apply (chunk_pieces _ _ w L), I.
Qed.

Lemma pick_rows_length {A} (zero : A) count n sigma w : length w = (count * n)%nat ->
  length (pick_rows zero count n sigma w) = (length sigma * n)%nat.
Proof.
  intros L. unfold pick_rows. induction sigma as [|i sigma IH]; simpl; [reflexivity|]. rewrite app_length, IH. f_equal.
  destruct (nthz_in (repeat zero n) (chunk count n w) i) as [-> | I]; [apply repeat_length|].
  apply (chunk_pieces _ _ w L), I.
Qed.

(** ** Rows of ungrouped convolutions *)

Definition conv_at (g : conv_geometry) : list (list (option nat)) := map (conv_inputs g 0) (indices (conv_outputs g)).

Lemma conv_rows_one {A} g (w : list A) : cv_groups g = 1%nat ->
  length w = (cv_out g * (cv_in g * prod_nat (cv_kernel g)))%nat ->
  conv_rows g w = flat_map (fun channel => map (fun at_ => Sparse (joined at_ channel)) (conv_at g))
                           (chunk (cv_out g) (cv_in g * prod_nat (cv_kernel g)) w).
Proof.
  intros G L. unfold conv_rows. rewrite G, !Nat.div_1_r. cbn [chunk seq map2 concat]. rewrite app_nil_r.
  rewrite <- L, firstn_all. reflexivity.
Qed.

(** What one channel of weights does at every position. *)
Definition channel_image (g : conv_geometry) (v : list R) (channel : list R) : list R :=
  map (fun at_ => sdot (joined at_ channel) v) (conv_at g).

Lemma apply_conv g w v : cv_groups g = 1%nat -> length w = (cv_out g * (cv_in g * prod_nat (cv_kernel g)))%nat ->
  apply (instance (PConv g) w) v = flat_map (channel_image g v) (chunk (cv_out g) (cv_in g * prod_nat (cv_kernel g)) w).
Proof.
  intros G L. simpl. rewrite conv_rows_one by assumption. unfold channel_image.
  induction (chunk _ _ w) as [|c cs IH]; simpl; [reflexivity|].
  rewrite map_app, map_map, IH. reflexivity.
Qed.

Lemma indices_length b : length (indices b) = prod_nat b.
Proof.
  induction b as [|n b IH]; simpl; [reflexivity|].
  assert (H : forall l, length (flat_map (fun i => map (cons i) (indices b)) l) = (length l * prod_nat b)%nat).
  { induction l as [|i l IHl]; simpl; [reflexivity|]. rewrite app_length, map_length, IHl, IH. reflexivity. }
  rewrite H, seq_length. reflexivity.
Qed.

(** ** Rows picked *)

Lemma dotR_zeros n v : dotR (repeat 0 n) v = 0.
Proof. revert v. induction n as [|n IH]; intros [|x v]; simpl; try reflexivity. rewrite IH. ring. Qed.

Lemma sdot_zeros at_ : forall n v, sdot (joined at_ (repeat 0 n)) v = 0.
Proof.
  induction at_ as [|[j|] at_ IH]; intros [|n] v; simpl; try reflexivity; [|apply IH]. rewrite IH. ring.
Qed.

Lemma nthz_map {A B} (f : A -> B) d l i : nthz (f d) (map f l) i = f (nthz d l i).
Proof. unfold nthz. destruct (i <? 0)%Z; [reflexivity | apply map_nth]. Qed.

Lemma map_nth_all (l : list R) : map (fun i => nth i l 0) (seq 0 (length l)) = l.
Proof.
  induction l as [|x l IH]; simpl; [reflexivity|]. rewrite <- seq_shift, map_map. f_equal. exact IH.
Qed.

Lemma nth_pieces {A} (f : A -> list R) d p c i : (i < p)%nat -> (forall x, length (f x) = p) -> f d = repeat 0 p ->
  forall l, nth (c * p + i) (flat_map f l) 0 = nth i (f (nth c l d)) 0.
Proof.
  intros I L D. induction c as [|c IH]; intros l.
  - destruct l; simpl.
    + rewrite D. symmetry. destruct i; apply nth_repeat.
    + apply app_nth1. rewrite L; assumption.
  - destruct l as [|x l]; simpl.
    + rewrite D, nth_repeat. destruct (p + c * p + i)%nat; reflexivity.
    + rewrite app_nth2 by (rewrite L; lia). rewrite L, <- IH. f_equal. lia.
Qed.

(** A selection of whole channels picks the pieces of those channels. *)
Lemma gather_spread {A} (f : A -> list R) d p channels l : (forall x, length (f x) = p) -> f d = repeat 0 p ->
  gather (spread p channels) (flat_map f l) = flat_map (fun c => f (nthz d l c)) channels.
Proof.
  intros L D. unfold spread. induction channels as [|c channels IH]; simpl; [reflexivity|].
  unfold gather in *. rewrite map_app, IH. f_equal. unfold nthz at 2. destruct (Z.ltb_spec c 0) as [N | N].
  - rewrite D. clear. induction p; simpl; [reflexivity|]. f_equal. assumption.
  - rewrite map_map, <- (map_nth_all (f (nth (Z.to_nat c) l d))), L. apply map_ext_in. intros i I.
    apply in_seq in I. rewrite <- (nth_pieces f d p) by (assumption || lia).
    unfold nthz. destruct (Z.ltb_spec (c * Z.of_nat p + Z.of_nat i) 0); [lia|]. f_equal. lia.
Qed.

Theorem gathered_map_correct f M sigma f' : fm_means f M -> gathered_map f sigma = Some f' ->
  exists M', fm_means f' M' /\ forall v, apply M' v = gathered sigma (apply M v).
Proof.
  intros F G. destruct sigma as [index|]; simpl in G; [|injection G as <-; exists M; auto].
  destruct F as (m & W & ->). destruct (fm_pattern f) as [n_out n_in | r | ix n_in | g]; try discriminate.
  - destruct (weights_are _ _) eqn:E; [|discriminate]. injection G as <-.
    pose proof (weights_length _ _ _ E W) as L.
    exists (instance (PDense (length index) n_in) (pick_rows 0 n_out n_in index m)). split.
    + apply (with_weights_means _ _ _ _ (pick_rows 0 n_out n_in index)); [assumption|].
        intros; apply pick_rows_rel; assumption.
    + intros v. simpl. rewrite pick_rows_chunk by assumption. rewrite !map_map. unfold gather. apply map_ext. intros i.
      replace 0 with (rdot (Dense (repeat 0 n_in)) v) at 2 by apply dotR_zeros.
      rewrite (nthz_map (fun x => rdot (Dense x) v)). reflexivity.
  - destruct (_ && _) eqn:E; [|discriminate]. apply andb_prop in E as [E1 E2]. apply Nat.eqb_eq in E1.
    pose proof (weights_length _ _ _ E2 W) as L. set (per := (cv_in g * prod_nat (cv_kernel g))%nat) in *.
    destruct (channelwise _ index) as [channels|] eqn:C; [|discriminate]. injection G as <-.
    apply channelwise_spread in C as [-> _]. set (g' := with_channels g (cv_in g) (length channels)).
    exists (instance (PConv g') (pick_rows 0 (cv_out g) per channels m)). split.
    + apply (with_weights_means _ _ _ _ (pick_rows 0 (cv_out g) per channels)); [assumption|].
      intros; apply pick_rows_rel; assumption.
    + intros v. unfold gathered. rewrite !apply_conv; try assumption; try reflexivity; [|apply pick_rows_length; assumption].
      change (cv_in g' * prod_nat (cv_kernel g'))%nat with per. change (cv_out g') with (length channels). fold per.
      rewrite pick_rows_chunk by assumption.
      replace (channel_image g' v) with (channel_image g v)
        by (unfold channel_image, conv_at, conv_inputs; rewrite E1; reflexivity).
      rewrite (gather_spread _ (repeat 0 per)).
      * rewrite flat_map_concat_map, map_map, <- flat_map_concat_map. reflexivity.
      * intros x. unfold channel_image, conv_at. rewrite !map_length. apply indices_length.
      * unfold channel_image, conv_at. rewrite map_map, <- (indices_length (conv_outputs g)).
        induction (indices (conv_outputs g)) as [|o os IH]; simpl; [reflexivity|]. rewrite sdot_zeros, IH. reflexivity.
Qed.

(** ** Columns added up *)

Section sums.
Context {B : Type} (add : B -> B -> B) (ok : B -> Prop) (phi : nat -> B -> R).
Hypothesis ok_add : forall x y, ok x -> ok y -> ok (add x y).
Hypothesis phi_add : forall j x y, ok x -> ok y -> phi j (add x y) = phi j x + phi j y.

Fixpoint total (k : nat) (l : list B) : R := match l with [] => 0 | x :: t => phi k x + total (S k) t end.

Fixpoint targets (sigma : list Z) (l : list B) : R :=
  match sigma, l with
  | i :: sigma', x :: l' => (if (i <? 0)%Z then 0 else phi (Z.to_nat i) x) + targets sigma' l'
  | _, _ => 0
  end.

Lemma total_app a : forall b k, total k (a ++ b) = total k a + total (k + length a) b.
Proof.
  induction a as [|x a IH]; intros b k; simpl; [rewrite Nat.add_0_r; lra|].
  rewrite IH, <- Nat.add_succ_comm. lra.
Qed.

Lemma forth_zip n : forall l r : list B, (n <= length r)%nat ->
  rev (fst (forth n l r)) ++ snd (forth n l r) = rev l ++ r /\ length (fst (forth n l r)) = (length l + n)%nat.
Proof.
  induction n as [|n IH]; intros l [|x r] L; simpl in *; try (split; [reflexivity | lia]).
  destruct (IH (x :: l) r ltac:(lia)) as [E1 E2]. rewrite E1, E2. simpl. rewrite <- app_assoc. split; [reflexivity | lia].
Qed.

Lemma back_zip n : forall l r : list B, (n <= length l)%nat ->
  rev (fst (back n l r)) ++ snd (back n l r) = rev l ++ r /\ length (fst (back n l r)) = (length l - n)%nat.
Proof.
  induction n as [|n IH]; intros [|x l] r L; simpl in *; try (split; [reflexivity | lia]).
  destruct (IH l (x :: r) ltac:(lia)) as [E1 E2]. rewrite E1, E2. simpl. rewrite <- app_assoc. split; [reflexivity | lia].
Qed.

Lemma fold_into_total n sigma : forall l left right, all_below n sigma = true -> Forall ok l ->
  Forall ok (rev left ++ right) -> length (rev left ++ right) = n ->
  let out := fold_into add sigma l (length left) left right in
  total 0 out = total 0 (rev left ++ right) + targets sigma l /\ Forall ok out /\ length out = n.
Proof.
  induction sigma as [|i sigma IH]; intros l left right O L Z N; simpl; [rewrite rev_append_rev; repeat split; auto; lra|].
  simpl in O. apply andb_prop in O as [O1 O]. apply Z.ltb_lt in O1.
  destruct l as [|x l]; simpl; [rewrite rev_append_rev; repeat split; auto; lra|]. inversion L as [|? ? Hx L']; subst.
  destruct (Z.ltb_spec i 0) as [I | I].
  - destruct (IH l left right O L' Z eq_refl) as (H1 & H2 & H3). repeat split; auto. lra.
  - set (j := Z.to_nat i). assert (J : (j < length (rev left ++ right))%nat) by (unfold j; lia).
    assert (S : let m := if (length left <=? j)%nat then forth (j - length left) left right
                         else back (length left - j) left right in
                rev (fst m) ++ snd m = rev left ++ right /\ length (fst m) = j).
    { rewrite app_length, rev_length in J. destruct (Nat.leb_spec (length left) j).
      - destruct (forth_zip (j - length left) left right ltac:(lia)). split; [assumption | lia].
      - destruct (back_zip (length left - j) left right ltac:(lia)). split; [assumption | lia]. }
    destruct (if (length left <=? j)%nat then _ else _) as [before here]. simpl in S. destruct S as [S1 S2].
    rewrite <- S1 in *. destruct here as [|y here].
    + rewrite app_nil_r, rev_length in J. lia.
    + apply Forall_app in Z as [Z1 Z2]. inversion Z2 as [|? ? Hy Z3]; subst.
      pose proof (IH l before (add y x :: here) O L') as T. rewrite S2 in T. destruct T as (H1 & H2 & H3).
      * apply Forall_app; auto.
      * rewrite !app_length; reflexivity.
      * rewrite H1. repeat split; auto. rewrite !total_app. simpl. rewrite rev_length, S2, phi_add by assumption. lra.
Qed.

Lemma total_zero l : (forall j x, In x l -> phi j x = 0) -> forall k, total k l = 0.
Proof.
  induction l as [|x l IH]; intros H k; simpl; [reflexivity|].
  rewrite H, IH by (intros; try apply H; simpl; auto). lra.
Qed.

End sums.

(** One functional read through a selection. *)
Lemma total_targets {B} (phi psi : nat -> B -> R) channels : forall l k, length l = length channels ->
  (forall i x, (i < length channels)%nat -> psi (k + i)%nat x =
     if (nth i channels (-1) <? 0)%Z then 0 else phi (Z.to_nat (nth i channels (-1)%Z)) x) ->
  total psi k l = targets phi channels l.
Proof.
  induction channels as [|c channels IH]; intros [|x l] k L H; try discriminate; [reflexivity|]. simpl in *.
  rewrite (IH l (S k)) by (try lia; intros i z I; rewrite <- (H (S i) z ltac:(lia)); f_equal; lia).
  rewrite <- (H 0%nat x) by lia. rewrite Nat.add_0_r. reflexivity.
Qed.

Lemma dotR_total y r : forall k, dotR r (skipn k y) = total (fun j a => a * nth j y 0) k r.
Proof.
  induction r as [|a r IH]; intros k; [reflexivity|]. simpl total. rewrite <- IH.
  destruct (skipn_nth k y) as [[E E0] | E].
  - rewrite E, E0, skipn_nil_more, !dotR_nil_r by assumption. lra.
  - rewrite E. reflexivity.
Qed.

Lemma dotR_gather y sigma : forall r, dotR r (gather sigma y) = targets (fun j a => a * nth j y 0) sigma r.
Proof.
  induction sigma as [|i sigma IH]; intros [|a r]; try reflexivity. simpl. unfold gather in IH. rewrite IH.
  unfold nthz. destruct (i <? 0)%Z; lra.
Qed.

Lemma fold_row_correct n sigma row y : all_below n sigma = true ->
  let out := fold_into Rplus sigma row 0 [] (repeat 0 n) in
  dotR out y = dotR row (gather sigma y) /\ length out = n.
Proof.
  intros O. destruct (fold_into_total Rplus (fun _ => True) (fun j a => a * nth j y 0)
    ltac:(auto) ltac:(intros; lra) n sigma row [] (repeat 0 n) O) as (H1 & _ & H3).
  - apply Forall_forall; auto.
  - apply Forall_forall; auto.
  - simpl. apply repeat_length.
  - simpl in *. split; [|assumption].
    rewrite dotR_gather. pose proof (dotR_total y (fold_into Rplus sigma row 0 [] (repeat 0 n)) 0) as E.
    simpl in E. rewrite E, H1, total_zero; [lra|]. intros j x I. apply repeat_spec in I. rewrite I. lra.
Qed.

(** ** Channels of a convolution added up *)

Definition kernel_at (g : conv_geometry) (o : list nat) (i : nat) : list (option nat) :=
  map (fun k => option_map (fun p => (i * prod_nat (cv_spatial g) + p)%nat)
                  (conv_position 0 (cv_spatial g) (cv_strides g) (cv_begins g) (cv_dilations g) o k))
      (indices (cv_kernel g)).

Lemma conv_inputs_one g o : cv_groups g = 1%nat -> conv_inputs g 0 o = flat_map (kernel_at g o) (seq 0 (cv_in g)).
Proof. intros G. unfold conv_inputs. rewrite G, Nat.div_1_r. reflexivity. Qed.

Lemma joined_app {A} a : forall b (w : list A),
  joined (a ++ b) w = joined a (firstn (length a) w) ++ joined b (skipn (length a) w).
Proof.
  induction a as [|[j|] a IH]; intros b [|x w]; simpl; try reflexivity; rewrite ?IH; try reflexivity;
    destruct b as [|[k|] b]; reflexivity.
Qed.

Lemma sdot_app a b v : sdot (a ++ b) v = sdot a v + sdot b v.
Proof. induction a as [|[j x] a IH]; simpl; [lra|]. rewrite IH. lra. Qed.

Lemma sdot_joined_add at_ y : forall a b, length a = length b ->
  sdot (joined at_ (map2 Rplus a b)) y = sdot (joined at_ a) y + sdot (joined at_ b) y.
Proof.
  induction at_ as [|[j|] at_ IH]; intros [|u a] [|w b] L; simpl in *; try discriminate; try lra.
  - rewrite IH by lia. lra.
  - apply IH; lia.
Qed.

(** The row of output position [o], channel by channel. *)
Lemma sdot_channels g o v k : length (indices (cv_kernel g)) = k -> forall count row s,
  sdot (joined (flat_map (kernel_at g o) (seq s count)) row) v
  = total (fun i b => sdot (joined (kernel_at g o i) b) v) s (chunk count k row).
Proof.
  intros K. induction count as [|c IH]; intros row s; simpl; [destruct row; reflexivity|].
  rewrite joined_app, sdot_app, IH. unfold kernel_at at 2 4. rewrite !map_length, K. reflexivity.
Qed.

Lemma conv_position_lt spatial : forall at_ strides begins dilations o k p, (0 < prod_nat spatial)%nat ->
  conv_position at_ spatial strides begins dilations o k = Some p -> (p < (at_ + 1) * prod_nat spatial)%nat.
Proof.
  assert (Stop : forall at_ p n, (0 < n)%nat -> Some at_ = Some p -> (p < (at_ + 1) * n)%nat).
  { intros at_ p n N E; injection E as ->. nia. }
  induction spatial as [|n spatial IH]; intros at_ [|s st] [|b bs] [|d ds] [|i o] [|j k] p Pos E;
    try (apply Stop; assumption).
  cbn [conv_position] in E. destruct (i * s + j * d <? b)%nat; [discriminate|].
  set (x := (i * s + j * d - b)%nat) in E. destruct (Nat.leb_spec n x) as [_ | L]; [discriminate|].
  change (prod_nat (n :: spatial)) with (n * prod_nat spatial)%nat in *.
  apply IH in E; [|nia]. eapply Nat.lt_le_trans; [exact E|]. nia.
Qed.

(** A selection of whole channels, entry by entry. *)
Lemma nth_gather_spread p channels y i j : (j < p)%nat ->
  nth (i * p + j) (gather (spread p channels) y) 0 =
  if (nth i channels (-1) <? 0)%Z then 0 else nth (Z.to_nat (nth i channels (-1)%Z) * p + j) y 0.
Proof.
  intros J. set (f c := if (c <? 0)%Z then repeat 0 p else map (fun j => nth (Z.to_nat c * p + j) y 0) (seq 0 p)).
  assert (E : gather (spread p channels) y = flat_map f channels).
  { unfold gather, spread. induction channels as [|c channels IH]; simpl; [reflexivity|].
    rewrite map_app, IH. f_equal. unfold f. destruct (Z.ltb_spec c 0) as [N | N].
    - clear. induction p; simpl; [reflexivity|]. f_equal. assumption.
    - rewrite map_map. apply map_ext. intros k. unfold nthz.
      destruct (Z.ltb_spec (c * Z.of_nat p + Z.of_nat k) 0); [lia|]. f_equal. lia. }
  rewrite E, (nth_pieces f (-1)%Z p).
  - unfold f. destruct (_ <? 0)%Z; [apply nth_repeat|].
    rewrite (nth_indep _ 0 (nth (Z.to_nat (nth i channels (-1)%Z) * p + 0) y 0)) by (rewrite map_length, seq_length;
      assumption).
    rewrite (map_nth (fun j => nth (Z.to_nat (nth i channels (-1)%Z) * p + j) y 0)), seq_nth by assumption. reflexivity.
  - assumption.
  - intros c. unfold f. destruct (c <? 0)%Z; [apply repeat_length | rewrite map_length; apply seq_length].
  - reflexivity.
Qed.

Lemma kernel_gather g o channels y i b : (0 < prod_nat (cv_spatial g))%nat ->
  sdot (joined (kernel_at g o i) b) (gather (spread (prod_nat (cv_spatial g)) channels) y) =
  if (nth i channels (-1) <? 0)%Z then 0 else sdot (joined (kernel_at g o (Z.to_nat (nth i channels (-1)%Z))) b) y.
Proof.
  intros P. unfold kernel_at. revert b. induction (indices (cv_kernel g)) as [|k ks IH]; intros b.
  - simpl. destruct (_ <? 0)%Z; reflexivity.
  - simpl. destruct (conv_position _ _ _ _ _ o k) as [p|] eqn:E; simpl; destruct b as [|a b];
      try (simpl; destruct (_ <? 0)%Z; reflexivity); [|apply IH].
    apply conv_position_lt in E; [|assumption]. simpl sdot. rewrite IH, nth_gather_spread by lia.
    destruct (_ <? 0)%Z; lra.
Qed.

Lemma total_ext {B} (phi psi : nat -> B -> R) l : (forall j x, phi j x = psi j x) -> forall k, total phi k l = total psi k l.
Proof. intros E. induction l as [|x l IH]; intros k; simpl; [reflexivity|]. rewrite E, IH. reflexivity. Qed.

Lemma fold_channels_correct g g' n k channels row y o :
  cv_groups g = 1%nat -> g' = with_channels g n (cv_out g) -> k = prod_nat (cv_kernel g) ->
  (0 < prod_nat (cv_spatial g))%nat -> length channels = cv_in g -> length row = (cv_in g * k)%nat -> all_below n
    channels = true ->
  let out := concat (fold_into (map2 Rplus) channels (chunk (cv_in g) k row) 0 [] (repeat (repeat 0 k) n)) in
  sdot (joined (conv_inputs g' 0 o) out) y
  = sdot (joined (conv_inputs g 0 o) row) (gather (spread (prod_nat (cv_spatial g)) channels) y)
  /\ length out = (n * k)%nat.
Proof.
  intros G -> -> P L Lr O. set (k := prod_nat (cv_kernel g)) in *.
  assert (K : length (indices (cv_kernel g)) = k) by apply indices_length.
  destruct (chunk_pieces _ _ row Lr) as (R1 & R2 & R3).
  set (phi := fun i b => sdot (joined (kernel_at g o i) b) y).
  destruct (fold_into_total (map2 Rplus) (fun b => length b = k) phi) with (n := n) (sigma := channels)
    (l := chunk (cv_in g) k row) (left := @nil (list R)) (right := repeat (repeat 0 k) n) as (H1 & H2 & H3).
  - intros a b A B. rewrite map2_length, A, B. apply Nat.min_id.
  - intros j a b A B. apply sdot_joined_add. congruence.
  - assumption.
  - apply Forall_forall, R3.
  - simpl. apply Forall_forall. intros b I. apply repeat_spec in I. subst. apply repeat_length.
  - simpl. apply repeat_length.
  - simpl in H1, H2, H3. set (blocks := fold_into _ _ _ _ _ _) in *. intros out.
    assert (C : length out = (n * k)%nat /\ chunk n k out = blocks).
    { rewrite <- H3. split; [|apply chunk_concat, Forall_forall, H2].
      unfold out. clear - H2. induction H2 as [|b bs B H2 IH]; simpl; [reflexivity|]. rewrite app_length, IH, B.
        reflexivity. }
    destruct C as [C1 C2]. split; [|assumption].
    rewrite (conv_inputs_one _ o G), (conv_inputs_one (with_channels g n (cv_out g)) o eq_refl).
    change (kernel_at (with_channels g n (cv_out g)) o) with (kernel_at g o). cbn [with_channels cv_in].
    rewrite !(sdot_channels _ _ _ k K), C2. fold phi. rewrite H1, total_zero.
    + rewrite Rplus_0_l. symmetry. apply total_targets; [congruence|].
      intros i b I. simpl. apply kernel_gather, P.
    + intros j b I. apply repeat_spec in I. subst b. apply sdot_zeros.
Qed.

Theorem folded_map_correct f M sigma n f' : fm_means f M -> folded_map f sigma n = Some f' ->
  exists M', fm_means f' M' /\ forall y, apply M' y = apply M (gathered sigma y).
Proof.
  intros F G. destruct sigma as [index|]; simpl in G; [|injection G as <-; exists M; auto].
  destruct F as (m & W & ->). destruct (fm_pattern f) as [n_out n_in | r | ix n_in | g]; try discriminate.
  - destruct (_ && _ && _)%bool eqn:E; [|discriminate]. injection G as <-.
    apply andb_prop in E as [E O]. apply andb_prop in E as [E _].
    pose proof (weights_length _ _ _ E W) as L. destruct (chunk_pieces _ _ m L) as (L1 & _ & _).
    exists (instance (PDense n_out n) (fold_rows 0 Rplus n_out n_in n index m)). split.
    + apply (with_weights_means _ _ _ _ (fold_rows 0 Rplus n_out n_in n index)); [assumption|].
      intros; apply fold_rows_rel; assumption.
    + intros y. simpl. unfold fold_rows. rewrite <- L1 at 1. rewrite flat_map_pieces.
      * rewrite !map_map. apply map_ext. intros row. apply (fold_row_correct n index row y O).
      * intros row _. apply (fold_row_correct n index row y O).
  - destruct (channelwise _ index) as [channels|] eqn:C; [|discriminate].
    apply channelwise_spread in C as [-> P]. set (k := prod_nat (cv_kernel g)) in *.
    set (p := prod_nat (cv_spatial g)) in *. destruct (_ && _ && _ && _ && _)%bool eqn:E; [|discriminate].
    injection G as <-. set (n' := (n / p)%nat) in *. apply andb_prop in E as [E O]. apply andb_prop in E as [E Lc].
    apply andb_prop in E as [E _]. apply andb_prop in E as [G E]. apply Nat.eqb_eq in G, Lc.
    pose proof (weights_length _ _ _ E W) as L. destruct (chunk_pieces _ _ m L) as (L1 & L2 & L3).
    set (g' := with_channels g n' (cv_out g)).
    exists (instance (PConv g') (fold_channels 0 Rplus (cv_out g) (cv_in g) k n' channels m)). split.
    + apply (with_weights_means _ _ _ _ (fold_channels 0 Rplus (cv_out g) (cv_in g) k n' channels)); [assumption|].
      intros; apply fold_channels_rel; assumption.
    + intros y.
      assert (F : forall row o, In row (chunk (cv_out g) (cv_in g * k) m) -> _) by
        (intros row o I; exact (fold_channels_correct g g' n' k channels row y o G eq_refl eq_refl P Lc (L3 row I) O)).
      cbv zeta in F.
      assert (D : chunk (cv_out g) (n' * k) (fold_channels 0 Rplus (cv_out g) (cv_in g) k n' channels m)
        = map (fun row => concat (fold_into (map2 Rplus) channels (chunk (cv_in g) k row) 0 [] (repeat (repeat 0 k) n')))
              (chunk (cv_out g) (cv_in g * k) m)).
      { unfold fold_channels. rewrite <- L1 at 1. apply flat_map_pieces. intros row I. apply (F row [] I). }
      rewrite !apply_conv; try assumption; try reflexivity.
      * change (cv_in g' * prod_nat (cv_kernel g'))%nat with (n' * k)%nat. change (cv_out g') with (cv_out g). fold k.
        rewrite D. rewrite !flat_map_concat_map, map_map. f_equal. apply map_ext_in. intros row I.
        unfold channel_image, conv_at. rewrite !map_map. apply map_ext. intros o. apply (F row o I).
      * change (cv_in g' * prod_nat (cv_kernel g'))%nat with (n' * k)%nat. change (cv_out g') with (cv_out g).
        unfold fold_channels. clear D. rewrite <- L1 at 2.
        revert F. clear. generalize (chunk (cv_out g) (cv_in g * k) m). intros l F.
        induction l as [|row l IH]; simpl; [reflexivity|].
        rewrite app_length, IH by (intros; apply F; right; assumption).
        destruct (F row [] (or_introl eq_refl)) as [_ ->]. reflexivity.
Qed.

(** ** Differences entry by entry *)

(** Rounding outward keeps bounds; zeros may be said to have any number of bits. *)
Theorem coarsened_within lo hi h m fewer : within lo hi (map (fun x => x * pow2 h) m) ->
  (fewer <= h)%Z \/ is_zero_list lo && is_zero_list hi = true ->
  within (fst (coarsened lo hi h fewer)) (snd (coarsened lo hi h fewer)) (map (fun x => x * pow2 fewer) m).
Proof.
  intros W C. unfold coarsened. destruct (Z.eqb_spec (Z.max 0 (h - fewer)) 0) as [E | E]; simpl.
  - destruct (Z.eq_dec fewer h) as [-> | N]; [assumption|]. destruct C as [C | C]; [lia|].
    apply within_sides in W as [L U]. apply within_sides. apply andb_prop in C as [C1 C2]. clear - L U C1 C2.
    revert hi C2 U. induction L as [|l x lo m B L IH]; intros hi C2 U; inversion U as [|u ? hi' ? B' U']; subst;
      [split; constructor|].
    cbn [is_zero_list forallb] in C1, C2. apply andb_prop in C1 as [Z1 C1], C2 as [Z2 C2]. apply Z.eqb_eq in Z1, Z2.
      subst l u.
    destruct (IH C1 hi' C2 U') as [IH1 IH2]. unfold low_ok, high_ok in *.
    assert (X : x = 0).
    { apply Rmult_eq_reg_r with (pow2 h); [lra | apply Rgt_not_eq, pow2_pos]. }
    split; constructor; auto; rewrite X; lra.
  - assert (K : Z.max 0 (h - fewer) = (h - fewer)%Z) by lia. rewrite K.
    assert (S : forall x, x * pow2 fewer = x * pow2 h * pow2 (- (h - fewer))).
    { intros x. rewrite Rmult_assoc, <- bpow_plus. f_equal. f_equal. lia. }
    assert (D : forall l, IZR (Z.shiftr l (h - fewer)) <= IZR l * pow2 (- (h - fewer))).
    { intros l. rewrite <- Z.shiftl_opp_r. apply (shift_down_le l). }
    pose proof (pow2_pos (- (h - fewer))) as Pos.
    apply within_sides in W as [L U]. apply within_sides. split.
    + rewrite <- (map_id m). eapply Forall2_map; [exact L|]. unfold low_ok. intros l x B. rewrite S.
      eapply Rle_trans; [apply D|]. apply Rmult_le_compat_r; lra.
    + rewrite <- (map_id m). eapply Forall2_map; [exact U|]. unfold high_ok. intros u x B. rewrite S.
      rewrite opp_IZR. specialize (D (- u)%Z). rewrite opp_IZR in D.
      assert (x * pow2 h * pow2 (- (h - fewer)) <= IZR u * pow2 (- (h - fewer))) by (apply Rmult_le_compat_r; lra). lra.
Qed.

Lemma common_bits_ok lo1 hi1 h1 lo2 hi2 h2 : let h := common_bits lo1 hi1 h1 lo2 hi2 h2 in
  ((h <= h1)%Z \/ is_zero_list lo1 && is_zero_list hi1 = true) /\ ((h <= h2)%Z \/ is_zero_list lo2 && is_zero_list hi2
    = true).
Proof.
  unfold common_bits. destruct (is_zero_list lo1 && is_zero_list hi1)%bool, (is_zero_list lo2 && is_zero_list hi2)%bool;
    split; auto; left; lia.
Qed.

Lemma expanded_means f M : fm_means f M -> fm_means (expanded f) M.
Proof.
  intros F. unfold expanded. destruct (fm_pattern f) as [| r | |] eqn:E; auto. destruct (r =? 1)%nat; auto.
  destruct F as (m & W & ->). rewrite E.
  replace (instance (PDiag r) m) with (instance (PDiag 1) (flat_map (fun a => repeat a r) m)).
  - apply (with_weights_means _ _ _ _ (flat_map (fun a => repeat a r))); [assumption|].
    intros P _ _ l H. eapply Forall2_flat_map; [exact H|]. intros x y Hxy. apply Forall2_repeat, Hxy.
  - simpl. f_equal. induction (flat_map _ m) as [|x l IH]; simpl; [reflexivity|]. rewrite IH. reflexivity.
Qed.

Lemma same_pattern_instance {A} p q (w : list A) : same_pattern p q = true -> instance p w = instance q w.
Proof.
  destruct p as [a b | r | i n | g], q as [c d | r' | i' n' | g']; simpl; try discriminate; intros H.
  - apply andb_prop in H as [H1 H2]. apply Nat.eqb_eq in H1, H2. subst. reflexivity.
  - apply Nat.eqb_eq in H. subst. reflexivity.
  - repeat match goal with H : (_ && _)%bool = true |- _ => apply andb_prop in H; destruct H end.
    repeat match goal with H : (_ =? _)%nat = true |- _ => apply Nat.eqb_eq in H end.
    repeat match goal with H : list_eqb Nat.eqb _ _ = true |- _ =>
      apply (list_eqb_eq Nat.eqb) in H; [|intros; apply Nat.eqb_eq; assumption] end.
    unfold conv_rows, conv_inputs.
    repeat match goal with H : _ g = _ g' |- _ => rewrite H; clear H end. reflexivity.
Qed.

Lemma map_fst_combine {A B} (a : list A) : forall b : list B, length a = length b -> map fst (combine a b) = a.
Proof. induction a; intros [|y b] L; simpl in *; try discriminate; f_equal; auto. Qed.

Lemma map_snd_combine {A B} (a : list A) : forall b : list B, length a = length b -> map snd (combine a b) = b.
Proof. induction a; intros [|y b] L; simpl in *; try discriminate; f_equal; auto. Qed.

Definition less (p : R * R) : R := fst p - snd p.

Lemma map_less a : forall b, map less (combine a b) = map2 Rminus a b.
Proof. induction a as [|x a IH]; intros [|y b]; simpl; f_equal; auto. Qed.

(** A map of pairs of weights: the map of their differences is the difference of the maps. *)
Lemma apply_less (D : lmap (R * R)) y :
  apply (lmap_map less D) y = map2 Rminus (apply (lmap_map fst D) y) (apply (lmap_map snd D) y).
Proof.
  assert (T : forall {A} (f g h : A -> R) l, (forall x, f x = g x - h x) -> map f l = map2 Rminus (map g l) (map h l)).
  { intros A f g h l E. induction l as [|x l IH]; simpl; f_equal; auto. }
  destruct D as [n rs | l]; simpl.
  - rewrite !map_map. apply T. intros [l | l]; simpl.
    + revert y. induction l as [|[a b] l IH]; intros [|x y]; simpl; try lra. rewrite IH. unfold less; simpl. lra.
    + induction l as [|[j [a b]] l IH]; simpl; [lra|]. rewrite IH. unfold less; simpl. lra.
  - revert y. induction l as [|[a b] l IH]; intros [|x y]; simpl; try reflexivity. rewrite IH. f_equal.
      unfold less; simpl. lra.
Qed.

Theorem minus_map_correct a b A B f : fm_means a A -> fm_means b B -> minus_map a b = Some f ->
  exists M, fm_means f M /\ forall y, apply M y = map2 Rminus (apply A y) (apply B y).
Proof.
  intros FA FB E. unfold minus_map in E. apply expanded_means in FA, FB.
  destruct FA as (m & WA & ->), FB as (n & WB & ->). set (a' := expanded a) in *. set (b' := expanded b) in *.
  destruct (_ && _)%bool eqn:S; [|discriminate]. apply andb_prop in S as [S L]. apply Nat.eqb_eq in L.
  set (h := common_bits _ _ _ _ _ _) in *.
  destruct (common_bits_ok (fm_lo a') (fm_hi a') (fm_h a') (fm_lo b') (fm_hi b') (fm_h b')) as [C1 C2]. fold h in C1, C2.
  pose proof (coarsened_within _ _ _ _ _ WA C1) as KA. pose proof (coarsened_within _ _ _ _ _ WB C2) as KB.
  destruct (coarsened (fm_lo a') _ _ h) as [lo hi], (coarsened (fm_lo b') _ _ h) as [lo' hi']. injection E as <-.
  simpl in KA, KB. assert (N : length m = length n).
  { apply within_length in WA, WB. destruct WA as [WA _], WB as [WB _]. rewrite map_length in WA, WB. congruence. }
  rewrite <- (same_pattern_instance _ _ n S). set (p := fm_pattern a').
  exists (instance p (map2 Rminus m n)). split.
  - exists (map2 Rminus m n). split; [|reflexivity]. simpl.
    apply within_sides in KA as [LA UA], KB as [LB UB]. apply within_sides.
    assert (T : forall (P Q U : Z -> R -> Prop), (forall u v x y, P u x -> Q v y -> U (u - v)%Z (x - y)) ->
      forall u v x y, Forall2 P u x -> Forall2 Q v y -> Forall2 U (subz u v) (map2 Rminus x y)).
    { intros P Q U H u v x y HP. revert v y.
      induction HP as [|u0 x0 u x H0 HP IH]; intros v y HQ; destruct HQ; simpl; constructor; auto. }
    split; [apply (T (low_ok h) (high_ok h)) | apply (T (high_ok h) (low_ok h))]; try assumption;
      unfold low_ok, high_ok; intros u v x y Hu Hv; rewrite minus_IZR, Rmult_minus_distr_r; lra.
  - intros y. rewrite <- map_less, instance_map, apply_less, <- !instance_map.
    rewrite map_fst_combine, map_snd_combine by assumption. reflexivity.
Qed.

Theorem difference_map_correct same a b A B si so n r : fm_means a A -> fm_means b B -> (same = true -> A = B) ->
  difference_map same a b si so n = Some r ->
  match r with
  | Some f => exists M, fm_means f M /\
      forall y, apply M y = map2 Rminus (apply A (gathered si y)) (gathered so (apply B y))
  | None => forall y, apply A (gathered si y) = gathered so (apply B y)
  end.
Proof.
  intros FA FB Same E.
  assert (D : same = true /\ si = None /\ so = None /\ r = None \/
    exists a' b' f, folded_map a si n = Some a' /\ gathered_map b so = Some b' /\ minus_map a' b' = Some f /\ r = Some f).
  { unfold difference_map in E. destruct same, si, so;
      try (left; injection E as <-; tauto); right;
      destruct (folded_map _ _ _) as [a'|]; try discriminate; destruct (gathered_map _ _) as [b'|]; try discriminate;
      destruct (minus_map a' b') as [f|] eqn:M; try discriminate; injection E as <-; exists a', b', f; auto. }
  destruct D as [(D1 & -> & -> & ->) | (a' & b' & f & D1 & D2 & D3 & ->)].
  - intros y. simpl. rewrite (Same D1). reflexivity.
  - destruct (folded_map_correct _ _ _ _ _ FA D1) as (A' & FA' & EA).
    destruct (gathered_map_correct _ _ _ _ FB D2) as (B' & FB' & EB).
    destruct (minus_map_correct _ _ _ _ _ FA' FB' D3) as (M & FM & EM).
    exists M. split; [assumption|]. intros y. rewrite EM, EA, EB. reflexivity.
Qed.
